// Writes what is pending, as often as it takes: records on their way home first, then the commit behind the fence. A part
// of the traces of the requests whose events it holds, by links.
import { noTracing } from "../telemetry/tracing.ts";
import type { Commit, CommitResult } from "../ticket/store.ts";
import type { ProcessorDeps } from "./deps.ts";
import type { Pending } from "./pending.ts";
import { withRetries } from "./retry.ts";

/** Throws what cannot be healed by waiting, and `unavailable` when aborted. */
export async function writePending(
  deps: ProcessorDeps,
  pending: Pending,
  commit: Commit,
  signal: AbortSignal,
): Promise<CommitResult> {
  const { log, store, metrics, now, tracing = noTracing } = deps;
  const write = async () => {
    const startedMs = now();
    if (pending.moves.length > 0) {
      await withRetries(deps, signal, "move records home", () => log.append(pending.moves));
    }
    const result = await withRetries(deps, signal, "commit", () => store.commit(commit), metrics.failed);
    metrics.committed(result, pending, now() - startedMs);
    return result;
  };
  if (pending.traces.size === 0) return write();
  const attributes = {
    "messaging.system": "kafka",
    "messaging.operation.name": "process",
    "messaging.destination.name": commit.topic,
    "messaging.destination.partition.id": String(commit.partition),
    "messaging.consumer.group.name": commit.group,
    "messaging.batch.message_count": pending.entries,
    "alertcast.next_offset": commit.nextOffset,
    "alertcast.stimuli": commit.stimuli.length,
  };
  const options = { kind: "consumer", links: pending.traces, startMs: pending.startedMs, attributes } as const;
  return tracing.span("process events", options, async (span) => {
    const result = await write();
    span.set({ "alertcast.outcome": result.outcome });
    return result;
  });
}
