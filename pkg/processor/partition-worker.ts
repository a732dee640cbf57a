// Works through one partition: claim, replay, detect, commit behind the fence. Never touches another partition's state.
import { AlertCastError, hasCode, messageOf } from "../errors.ts";
import { TRACEPARENT_HEADER } from "../log/headers.ts";
import type { Batch, LogRecord } from "../log/log.ts";
import type { Detector } from "../rule/detect.ts";
import type { Commit, PartitionKey } from "../ticket/store.ts";
import { applyRecord } from "./apply-record.ts";
import { BatchQueue } from "./batch-queue.ts";
import type { BusyClock } from "./busy-clock.ts";
import { DecodeClock } from "./decode-clock.ts";
import type { Place } from "./decode-record.ts";
import type { ProcessorDeps, WorkerState } from "./deps.ts";
import { Pending } from "./pending.ts";
import type { ReadAhead } from "./read-ahead.ts";
import { fingerprint } from "./record-hash.ts";
import { compiledSets, Restore } from "./restore.ts";
import { pause, withRetries } from "./retry.ts";
import { SnapshotSchedule } from "./snapshot-schedule.ts";
import { writePending } from "./write-pending.ts";

/** Records detected between two looks at the event loop. */
const SLICE_RECORDS = 1000;
/** Detection waits for the database when this much is undone. */
const MAX_PENDING_ENTRIES = 50_000;
const MAX_PENDING_STIMULI = 20_000;

export interface WorkerControl {
  readonly seek: (offset: number) => void;
  readonly pause: () => void;
  readonly resume: () => void;
}

/** What the workers of a process have in common. */
export interface SharedByWorkers {
  readonly busy: BusyClock;
  readonly readAhead: ReadAhead;
}

export class PartitionWorker {
  readonly partition: number;
  readonly #deps: ProcessorDeps;
  readonly #control: WorkerControl;
  readonly #queue: BatchQueue;
  readonly #abort = new AbortController();
  readonly #key: PartitionKey;
  #phase: WorkerState["phase"] = "claiming";
  #haltedReason: string | undefined;
  #end = 0;
  #epoch = 0;
  #ruleSetId = 0;
  #detector: Detector | undefined;
  #restore: Restore | undefined;
  #pending = new Pending(0);
  #committedOffset = 0;
  #committing: Promise<void> | undefined;
  #commitError: unknown;
  #committedAtMs = 0;
  /** Where the next batch has to begin. */
  #readTo = 0;
  #isWorking = false;
  #waitsSinceMs = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #snapshots: SnapshotSchedule;
  readonly #busy: BusyClock;
  readonly #decodes = new DecodeClock();
  /** Entries since it was last asked for. */
  #doneEntries = 0;
  /** Events that the observer was not told of yet. */
  #uncounted = 0;
  readonly ended: Promise<void>;

  constructor(deps: ProcessorDeps, partition: number, control: WorkerControl, shared: SharedByWorkers) {
    this.partition = partition;
    this.#deps = deps;
    this.#control = control;
    this.#busy = shared.busy;
    this.#key = { group: deps.group, topic: deps.topic.topic, partition };
    this.#queue = new BatchQueue(shared.readAhead, control, deps.now);
    this.#snapshots = new SnapshotSchedule(deps.limits, deps.now);
    this.ended = this.#run();
  }

  get state(): WorkerState {
    return {
      phase: this.#phase,
      nextOffset: this.#committedOffset,
      haltedReason: this.#haltedReason,
      end: this.#end,
      clockMs: this.#detector?.memory.clockMs ?? Number.NaN,
      waitsFor: this.#waitsFor(),
      waitsSinceMs: this.#waitsSinceMs,
    };
  }

  #waitsFor(): number | undefined {
    if (this.#phase !== "live" && this.#phase !== "replaying") return undefined;
    return this.#isWorking || this.#queue.length > 0 ? undefined : this.#readTo;
  }

  /** Entries that went through the rules since the last call. */
  takeDone(): number {
    const done = this.#doneEntries;
    this.#doneEntries = 0;
    return done;
  }

  /** Queues a fetched batch; asks the log to pause when the queue is full. */
  enqueue(batch: Batch): void {
    this.#end = batch.end;
    if (this.#phase !== "halted" && this.#phase !== "ended") this.#queue.push(batch);
  }

  /** Ends the work; a commit under way is finished or given up when its try ends. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#queue.close();
    await this.ended;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        await this.#own();
      } catch (error) {
        if (signal.aborted) break;
        if (hasCode(error, "halted")) {
          await this.#halt(messageOf(error));
          break;
        }
        await this.#lost(error);
      }
    }
    if (this.#phase !== "halted") this.#phase = "ended";
  }

  /** The time of one claim: ends by error, or when stopped. */
  async #own(): Promise<void> {
    const { signal } = this.#abort;
    this.#phase = "claiming";
    await withRetries(this.#deps, signal, "claim", () => this.#claim());
    for (;;) {
      const batch = await this.#queue.next();
      if (batch === undefined) break;
      this.#isWorking = true;
      await this.#work(batch);
      this.#isWorking = false;
      this.#readTo = Math.max(this.#readTo, batch.nextOffset);
      this.#waitsSinceMs = this.#deps.now();
      this.#throwCommitError();
    }
    await this.#flush();
    this.#throwCommitError();
  }

  /** The end of the work: what is pending is committed, or given up when its try fails. */
  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#committing;
    this.#pump();
    await this.#committing;
  }

  async #claim(): Promise<void> {
    const { store, log, topic, owner } = this.#deps;
    const range = (await log.ranges()).find((r) => r.partition === this.partition);
    if (range === undefined) throw new AlertCastError("unavailable", "the log does not know the partition");
    const claim = await store.claim({
      ...this.#key,
      clusterId: topic.clusterId,
      partitionCount: topic.partitions,
      owner,
      startOffset: range.start,
    });
    this.#epoch = claim.epoch;
    this.#committedOffset = claim.nextOffset;
    this.#pending = new Pending(claim.nextOffset);
    this.#commitError = undefined;
    const restore = new Restore({
      partition: this.partition,
      claim,
      range,
      ruleSets: compiledSets(claim, this.#deps),
      firstRuleSet: this.#deps.ruleSet,
      detector: this.#deps.detector,
      warn: (fields, message) => this.#deps.logger.warn(fields, message),
    });
    this.#restore = restore;
    this.#detector = restore.detector;
    this.#phase = "replaying";
    this.#snapshots.restart();
    this.#ruleSetId = claim.ruleSetId ?? -1;
    this.#queue.clear();
    if (restore.isDone(restore.fromOffset)) this.#goLive();
    this.#readTo = restore.fromOffset;
    this.#isWorking = false;
    this.#waitsSinceMs = this.#deps.now();
    this.#control.seek(restore.fromOffset);
  }

  /** The replay has ended: from here on stimuli count. The configured rule set takes effect (C1). */
  #goLive(): void {
    this.#restore?.finish();
    this.#restore = undefined;
    this.#phase = "live";
    const detector = this.#detector;
    detector?.takeCounts();
    const before = this.#ruleSetId;
    if (detector === undefined || before === this.#deps.ruleSetId) return;
    const firstOffset = this.#committedOffset;
    const isFirst = before === -1;
    const removed = isFirst ? [] : detector.activate(this.#deps.ruleSet, firstOffset);
    this.#ruleSetId = this.#deps.ruleSetId;
    const removal = isFirst ? undefined : { atMs: detector.memory.clockMs, removed };
    this.#pending.activation = { firstOffset, removal };
    this.#pump();
  }

  async #work(batch: Batch): Promise<void> {
    const { records } = batch;
    const startedMs = this.#deps.now();
    if (records.length > 0) this.#deps.metrics.waited(this.#queue.waitedMs);
    for (let from = 0; from < records.length; from += SLICE_RECORDS) {
      if (this.#abort.signal.aborted) return;
      const slice = records.slice(from, from + SLICE_RECORDS);
      const isLast = from + SLICE_RECORDS >= records.length;
      this.#detect(slice, isLast ? batch.nextOffset : (slice.at(-1)?.offset ?? 0) + 1);
      this.#pump();
      if (this.#deps.perEntries !== undefined) await this.#busy.during(this.#deps.perEntries(slice.length));
      if (!isLast) await new Promise((resolve) => setImmediate(resolve));
    }
    if (records.length === 0) this.#moveTo(batch.nextOffset);
    const durationMs = this.#deps.now() - startedMs;
    this.#doneEntries += records.length;
    if (records.length > 0) this.#deps.metrics.detected(durationMs, this.#decodes.take(durationMs));
    // What a replay counts was counted when it was new.
    const counts = this.#detector?.takeCounts();
    if (counts !== undefined && this.#restore === undefined) this.#deps.metrics.counted(counts, this.#uncounted);
    this.#uncounted = 0;
    this.#pump();
    while (this.#isFull() && this.#committing !== undefined && !this.#abort.signal.aborted) {
      await this.#busy.during(this.#committing);
    }
  }

  #isFull(): boolean {
    return this.#pending.entries >= MAX_PENDING_ENTRIES || this.#pending.stimuli.length >= MAX_PENDING_STIMULI;
  }

  /** A batch of nothing but control records still moves on. */
  #moveTo(nextOffset: number): void {
    if (this.#restore !== undefined) {
      if (this.#restore.isDone(nextOffset)) this.#goLive();
    }
    if (this.#restore === undefined && nextOffset > this.#pending.nextOffset) this.#pending.nextOffset = nextOffset;
  }

  #detect(records: readonly LogRecord[], nextOffset: number): void {
    const detector = this.#detector;
    if (detector === undefined) return;
    const place: Place = {
      partition: this.partition,
      partitions: this.#deps.topic.partitions,
      knows: (deviceId) => detector.knows(deviceId),
    };
    const traced = this.#deps.tracing?.enabled === true;
    let newest: LogRecord | undefined;
    let applied = 0;
    let events = 0;
    for (const record of records) {
      if (this.#restore !== undefined) {
        if (this.#restore.isDone(record.offset)) this.#goLive();
        else {
          this.#restore.replay(record, place);
          continue;
        }
      }
      const pending = this.#pending;
      if (record.offset < pending.nextOffset) continue;
      if (applyRecord(detector, record, place, pending, this.#decodes)) events++;
      const traceparent = traced ? record.headers[TRACEPARENT_HEADER] : undefined;
      if (traceparent !== undefined) pending.addTrace(traceparent, this.#deps.now());
      if (applied === 0 && Number.isNaN(pending.oldestAppendMs)) pending.oldestAppendMs = record.appendTimeMs;
      applied++;
      newest = record;
    }
    if (newest !== undefined) {
      this.#pending.last = fingerprint(newest);
      this.#pending.entries += applied;
      this.#pending.events += events;
      this.#uncounted += events;
      this.#snapshots.count(applied);
    }
    this.#moveTo(nextOffset);
  }

  /**
   * Starts a commit of all that is pending, unless one is under way: then it follows. What only moves the offset waits
   * for company, so that healthy events cost the database a statement now and then, not one a fetch.
   */
  #pump(): void {
    if (this.#committing !== undefined || this.#pending.isEmpty || this.#commitError !== undefined) return;
    const waitMs = this.#committedAtMs + this.#deps.limits.quietCommitMs - this.#deps.now();
    if (this.#pending.isQuiet && waitMs > 0 && !this.#isFull() && !this.#abort.signal.aborted) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#pump();
      }, waitMs);
      return;
    }
    this.#committing = this.#commitAll().finally(() => {
      this.#committing = undefined;
      this.#pump();
    });
  }

  async #commitAll(): Promise<void> {
    for (let first = true; !this.#pending.isEmpty; first = false) {
      if (!first && (this.#pending.isQuiet || this.#abort.signal.aborted)) return;
      const pending = this.#pending;
      this.#pending = new Pending(pending.nextOffset);
      try {
        await this.#commit(pending);
      } catch (error) {
        this.#commitError = error;
        this.#queue.wake();
        return;
      }
    }
  }

  async #commit(pending: Pending): Promise<void> {
    const detector = this.#detector;
    if (detector === undefined) throw new AlertCastError("internal", "a commit without a claim");
    const { activation, deadLetters, last, nextOffset, stimuli } = pending;
    const commit: Commit = {
      ...this.#key,
      epoch: this.#epoch,
      expectedOffset: this.#committedOffset,
      nextOffset,
      clockMs: detector.memory.clockMs,
      last,
      ruleSetId: this.#ruleSetId,
      activation,
      stimuli,
      deadLetters,
      // Here, where the detector stands exactly at the commit's end.
      snapshot: this.#snapshots.take(detector, activation?.removal !== undefined),
    };
    const result = await writePending(this.#deps, pending, commit, this.#abort.signal);
    if (result.outcome === "fenced") {
      throw new AlertCastError("fenced", `partition ${this.partition} has a new owner`);
    }
    this.#committedOffset = pending.nextOffset;
    this.#committedAtMs = this.#deps.now();
    await this.#deps.failpoint?.("before-kafka-commit");
  }

  #throwCommitError(): void {
    const error = this.#commitError;
    if (error === undefined) return;
    this.#commitError = undefined;
    throw error;
  }

  async #halt(reason: string): Promise<void> {
    this.#phase = "halted";
    this.#haltedReason = reason;
    this.#queue.close();
    this.#control.pause();
    this.#deps.logger.error({ partition: this.partition, reason }, "partition halted: a person has to look");
    try {
      await this.#deps.store.setHalted(this.#key, this.#epoch, reason);
    } catch (error) {
      this.#deps.logger.warn({ partition: this.partition, error: messageOf(error) }, "halt not noted in the database");
    }
  }

  /** Fenced, or a defect: all memory is dropped, and claimed anew after a while if the partition is still ours. */
  async #lost(error: unknown): Promise<void> {
    this.#control.pause();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pending = new Pending(0);
    this.#detector = undefined;
    this.#restore = undefined;
    const { partition } = this;
    if (hasCode(error, "fenced")) this.#deps.logger.warn({ partition }, "partition lost to another owner");
    else this.#deps.logger.error({ partition, err: error }, "partition given up");
    await pause(this.#deps.limits.reclaimMs, this.#abort.signal);
    this.#control.resume();
  }
}
