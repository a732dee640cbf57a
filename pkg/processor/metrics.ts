// What the processor tells Prometheus, in the names of the catalogue.
import type { Metrics } from "../telemetry/catalogue.ts";
import type { CommitResult } from "../ticket/store.ts";
import type { ProcessorObserver, WorkerState } from "./deps.ts";
import type { Pending } from "./pending.ts";

/** Counts into the catalogue's metrics. `now` is the wall clock in ms. */
export function processorMetrics(metrics: Metrics, topic: string, now: () => number): ProcessorObserver {
  return {
    detected: (ms) => metrics.batchDuration.observe({ phase: "rules" }, ms / 1000),
    committed: (result, pending, ms) => {
      metrics.batchDuration.observe({ phase: "commit" }, ms / 1000);
      countOutcome(metrics, result, pending);
      if (result.outcome === "fenced") return;
      metrics.eventsProcessed.inc(pending.entries);
      if (!Number.isNaN(pending.oldestAppendMs)) {
        metrics.eventCommitDelay.observe(Math.max(0, now() - pending.oldestAppendMs) / 1000);
      }
    },
    failed: () => metrics.batchesFinished.inc({ outcome: "failed" }),
    counted: (counts) => {
      metrics.eventsLate.inc(counts.late);
      metrics.eventsRepeated.inc(counts.repeated);
      for (const [rule, n] of counts.unknown) metrics.rulesEvaluated.inc({ rule, result: "unknown" }, n);
    },
    partitions: (states) => showPartitions(metrics, topic, states, now()),
  };
}

function countOutcome(metrics: Metrics, result: CommitResult, pending: Pending): void {
  const outcome = result.outcome === "already" ? "unknown" : result.outcome;
  metrics.batchesFinished.inc({ outcome });
  if (result.outcome === "fenced") return;
  for (const { code } of pending.deadLetters) metrics.eventsQuarantined.inc({ code });
  if (result.outcome !== "committed") return;
  for (const event of result.settled.events) {
    const { ruleId, severity } = event.ticket;
    if (event.type === "opened") metrics.ticketsOpened.inc({ rule: ruleId, severity });
    else if (event.type === "reopened") metrics.ticketsReopened.inc({ severity, why: event.why ?? "condition" });
    else if (event.type === "resolved") {
      metrics.ticketsResolved.inc({ severity, cause: event.cause === "rules" ? "rules" : "recovered" });
    }
  }
}

function showPartitions(
  metrics: Metrics,
  topic: string,
  states: ReadonlyMap<number, WorkerState>,
  nowMs: number,
): void {
  metrics.partitionLagMessages.reset();
  metrics.partitionLagSeconds.reset();
  metrics.partitionHalted.reset();
  for (const [partition, { nextOffset, end, phase, clockMs }] of states) {
    const labels = { topic, partition: String(partition) };
    const lag = Math.max(0, end - nextOffset);
    metrics.partitionLagMessages.set(labels, lag);
    const behindMs = lag === 0 || !Number.isFinite(clockMs) ? 0 : nowMs - clockMs;
    metrics.partitionLagSeconds.set(labels, Math.max(0, behindMs) / 1000);
    metrics.partitionHalted.set(labels, phase === "halted" ? 1 : 0);
  }
}
