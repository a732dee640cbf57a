// The processor service: a member of the consumer group that runs one worker per partition it was given.
import { AlertCastError, hasCode, messageOf } from "../errors.ts";
import type { LogConsumer, OffsetCommit } from "../log/log.ts";
import { BusyClock } from "./busy-clock.ts";
import type { ProcessorDeps, WorkerState } from "./deps.ts";
import { PartitionWorker, type SharedByWorkers } from "./partition-worker.ts";
import { ReadAhead } from "./read-ahead.ts";
import { pause } from "./retry.ts";

export interface Processor {
  /** By partition: those assigned to this process now. */
  states(): ReadonlyMap<number, WorkerState>;
  /** Settles when the processor has ended; rejects when the consumer crashed: then the process has to end. */
  run(signal: AbortSignal): Promise<void>;
}

export function createProcessor(deps: ProcessorDeps): Processor {
  const members = new Members(deps);
  return {
    states: () => members.states(),
    run: (signal) => run(deps, members, signal),
  };
}

async function run(deps: ProcessorDeps, members: Members, signal: AbortSignal): Promise<void> {
  deps.metrics.started(deps.ruleSet);
  const consumer = await deps.log.consume(deps.group, {
    assigned: (partitions) => members.assign(partitions),
    batch: (batch) => members.worker(batch.partition)?.enqueue(batch),
  });
  members.use(consumer);
  const stop = new AbortController();
  const offsets = storeOffsets(deps, members, consumer, AbortSignal.any([signal, stop.signal]));
  const watch = watchForStalls(deps, members, AbortSignal.any([signal, stop.signal]));
  watch.catch(() => undefined); // the race below hears it
  try {
    await Promise.race([
      consumer.ended,
      watch,
      new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      }),
    ]);
  } finally {
    stop.abort();
    await members.stopAll();
    await offsets;
    await Promise.allSettled([watch]);
    await consumer[Symbol.asyncDispose]();
  }
}

/** Tells the log how far the database is, once a while and at the end. */
async function storeOffsets(
  deps: ProcessorDeps,
  members: Members,
  consumer: LogConsumer,
  signal: AbortSignal,
): Promise<void> {
  let away = false;
  for (;;) {
    await pause(deps.limits.offsetsEveryMs, signal);
    if (signal.aborted) await members.stopAll();
    deps.metrics.partitions(members.states());
    const offsets = members.offsetsToStore();
    try {
      if (offsets.length > 0) {
        await consumer.commit(offsets);
        deps.metrics.logAnswers(true);
      }
      away = false;
    } catch (error) {
      members.notStored(offsets);
      deps.metrics.logAnswers(false);
      if (!away) deps.logger.warn({ error: messageOf(error) }, "offsets not stored in the log");
      away = true;
    }
    if (signal.aborted) return;
  }
}

/**
 * The client is known to stop fetching at times without a word. A partition that has records and gets none for long is
 * the sign of it; then the process ends, and its partitions go to others or to its next start.
 * @throws AlertCastError `internal`
 */
async function watchForStalls(deps: ProcessorDeps, members: Members, signal: AbortSignal): Promise<void> {
  const { log, limits, logger, now } = deps;
  for (;;) {
    await pause(limits.stallMs / 4, signal);
    if (signal.aborted) return;
    try {
      const ranges = await log.ranges();
      const ends = new Map(ranges.map(({ partition, end }) => [partition, end]));
      for (const [partition, { waitsFor, waitsSinceMs }] of members.states()) {
        const end = ends.get(partition) ?? 0;
        if (waitsFor === undefined || waitsFor >= end || now() - waitsSinceMs < limits.stallMs) continue;
        throw new AlertCastError(
          "internal",
          `partition ${partition} gets no records from ${waitsFor} on, though the log ends at ${end}`,
        );
      }
    } catch (error) {
      if (!hasCode(error, "unavailable")) throw error;
      logger.debug({ error: messageOf(error) }, "ends of the log not known");
    }
  }
}

interface Moved {
  readonly partition: number;
  readonly offset: number;
  /** Entries done. */
  readonly n: number;
}

/**
 * The process' busy time, dealt out by entries: the sum over a process' partitions of n / busyMs is what it could do if it
 * were busy all the time, which is what the scaler wants to know (`{busyMs, n}`, since the commit before).
 */
function shareBusy(moved: readonly Moved[], busyMs: number): OffsetCommit[] {
  const total = moved.reduce((sum, { n }) => sum + n, 0);
  return moved.map(({ partition, offset, n }) => ({
    partition,
    offset,
    metadata: JSON.stringify({ busyMs: total === 0 ? 0 : Math.round((busyMs * n) / total), n }),
  }));
}

/** The workers of the partitions that are ours. */
class Members {
  readonly #deps: ProcessorDeps;
  readonly #workers = new Map<number, PartitionWorker>();
  readonly #stopping = new Map<number, Promise<void>>();
  readonly #stored = new Map<number, number>();
  readonly #shared: SharedByWorkers;
  #assigned: ReadonlySet<number> = new Set();
  #consumer: LogConsumer | undefined;
  #ended = false;

  constructor(deps: ProcessorDeps) {
    this.#deps = deps;
    const busy = new BusyClock(deps.now, () => performance.eventLoopUtilization().active);
    this.#shared = { busy, readAhead: new ReadAhead(deps.limits) };
  }

  use(consumer: LogConsumer): void {
    this.#consumer = consumer;
  }

  worker(partition: number): PartitionWorker | undefined {
    return this.#workers.get(partition);
  }

  states(): ReadonlyMap<number, WorkerState> {
    return new Map([...this.#workers].map(([partition, worker]) => [partition, worker.state]));
  }

  assign(partitions: readonly number[]): void {
    this.#assigned = new Set(partitions);
    this.#deps.logger.info({ partitions }, "partitions assigned");
    for (const partition of this.#workers.keys()) if (!this.#assigned.has(partition)) this.#drop(partition);
    for (const partition of partitions) void this.#add(partition);
  }

  offsetsToStore(): OffsetCommit[] {
    const moved: Moved[] = [];
    for (const [partition, worker] of this.#workers) {
      const { nextOffset, phase } = worker.state;
      if (phase === "claiming" || this.#stored.get(partition) === nextOffset) continue;
      this.#stored.set(partition, nextOffset);
      moved.push({ partition, offset: nextOffset, n: worker.takeDone() });
    }
    if (moved.length === 0) return [];
    return shareBusy(moved, this.#shared.busy.take());
  }

  /** These are told again, even if nothing more comes: else the group would seem to lag for ever. */
  notStored(offsets: readonly OffsetCommit[]): void {
    for (const { partition } of offsets) this.#stored.delete(partition);
  }

  async stopAll(): Promise<void> {
    this.#ended = true;
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop()));
    await Promise.all(this.#stopping.values());
  }

  #drop(partition: number): void {
    const worker = this.#workers.get(partition);
    if (worker === undefined) return;
    this.#workers.delete(partition);
    this.#stored.delete(partition);
    const stopping = worker.stop().finally(() => this.#stopping.delete(partition));
    this.#stopping.set(partition, stopping);
  }

  /** A partition that comes back waits until its former worker has let go. */
  async #add(partition: number): Promise<void> {
    await this.#stopping.get(partition);
    if (this.#ended || !this.#assigned.has(partition) || this.#workers.has(partition)) return;
    const control = {
      seek: (offset: number) => this.#consumer?.seek(partition, offset),
      pause: () => this.#consumer?.pause(partition),
      resume: () => this.#consumer?.resume(partition),
    };
    const worker = new PartitionWorker(this.#deps, partition, control, this.#shared);
    this.#workers.set(partition, worker);
  }
}
