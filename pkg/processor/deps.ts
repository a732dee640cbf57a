// What the processor and its workers need from outside, and the limits they keep. Types and defaults only.
import type { EventLog, TopicInfo } from "../log/log.ts";
import type { DetectorOptions } from "../rule/detect.ts";
import type { RuleSet } from "../rule/model.ts";
import type { DetectCounts } from "../rule/stimulus.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Tracing } from "../telemetry/tracing.ts";
import type { CommitResult, TicketStore } from "../ticket/store.ts";
import type { Pending } from "./pending.ts";
import type { ReadAheadLimits } from "./read-ahead.ts";

/** What the outside may see of a partition's worker. */
export interface WorkerState {
  readonly phase: "claiming" | "replaying" | "live" | "halted" | "ended";
  readonly nextOffset: number;
  readonly haltedReason: string | undefined;
  readonly end: number;
  readonly clockMs: number;
  /** Where the next batch has to begin, undefined while something is queued or nothing is read. */
  readonly waitsFor: number | undefined;
  /** Since when it waits (wall clock, ms). */
  readonly waitsSinceMs: number;
}

export interface ProcessorLimits extends ReadAheadLimits {
  /** How long an advance of the offset alone may wait for company, ms. */
  readonly quietCommitMs: number;
  readonly snapshotEveryMs: number;
  readonly snapshotEveryEntries: number;
  /** How long a partition that was lost to another owner is left alone, ms. */
  readonly reclaimMs: number;
  /** A partition with records to read that gets none for this long means a client that has stalled: the process ends, ms. */
  readonly stallMs: number;
  /** How often offsets are stored in the log for the sake of lag, ms. */
  readonly offsetsEveryMs: number;
}

export const PROCESSOR_LIMITS: ProcessorLimits = {
  // Measured: 420 MiB resident with 24 full partitions under `--max-old-space-size=256` (578 MiB with 8 MiB for each).
  readAheadBytes: 64 * 1024 * 1024,
  queuedBytes: 8 * 1024 * 1024,
  quietCommitMs: 250,
  snapshotEveryMs: 30_000,
  snapshotEveryEntries: 200_000,
  reclaimMs: 4000,
  stallMs: 45_000,
  offsetsEveryMs: 1000,
};

/** What the processor tells of itself; see metrics.ts. */
export interface ProcessorObserver {
  /** Under this set it starts. */
  started(ruleSet: RuleSet): void;
  /** A stored rule set that this version cannot run was passed over. */
  refused(): void;
  /** A batch of records waited so long for its turn, ... */
  waited(durationMs: number): void;
  /** ... and went through the rules; `decodeMs` of it are decoding. */
  detected(durationMs: number, decodeMs: number): void;
  /** What detection counted since the last call, and the events it was given, without those on their way home. */
  counted(counts: DetectCounts, events: number): void;
  committed(result: CommitResult, pending: Pending, durationMs: number): void;
  /** A try to commit failed; it follows again. */
  failed(): void;
  /** Whether the log took our offsets. */
  logAnswers(up: boolean): void;
  /** Called once a while, with the partitions that are ours. */
  partitions(states: ReadonlyMap<number, WorkerState>): void;
}

export interface ProcessorDeps {
  readonly log: EventLog;
  readonly topic: TopicInfo;
  readonly store: TicketStore;
  readonly group: string;
  /** Name of this process, for people. */
  readonly owner: string;
  readonly ruleSet: RuleSet;
  readonly ruleSetId: number;
  /** Compiles a stored rule set; undefined when it cannot be. */
  readonly compile: (source: unknown) => RuleSet | undefined;
  readonly detector: DetectorOptions;
  readonly limits: ProcessorLimits;
  readonly logger: Logger;
  readonly metrics: ProcessorObserver;
  /** Wall clock, ms; used for snapshots and durations only. */
  readonly now: () => number;
  /** Default: nothing is traced. */
  readonly tracing?: Tracing;
  readonly failpoint?: (name: "before-kafka-commit") => Promise<void>;
  /** A cost that a test gives to so many entries. */
  readonly perEntries?: (entries: number) => Promise<void>;
}
