// The port of the truth: tickets, history, counts, dead letters and the offsets they stand on, changed together or not
// at all. The adapter is postgres-store.ts; the fence is its promise.
import type { Stimulus } from "../rule/stimulus.ts";
import type { Removal, SettleResult } from "./settle.ts";

/** Which row of the fence. */
export interface PartitionKey {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

/** The last applied record, to recognise a log that was re-created or truncated. */
export interface LastRecord {
  readonly offset: number;
  readonly appendTimeMs: number;
  readonly hash: Buffer;
}

export interface StoredSnapshot {
  readonly nextOffset: number;
  readonly format: number;
  readonly ruleSetId: number;
  readonly memory: Buffer;
}

export interface Activation {
  readonly firstOffset: number;
  readonly ruleSetId: number;
}

export interface StoredRuleSet {
  readonly id: number;
  /** JSON text of the rule file as plain data. */
  readonly source: string;
}

/** What a processor that has just become a partition's owner has to know. */
export interface Claim {
  readonly epoch: number;
  readonly nextOffset: number;
  readonly last: LastRecord | undefined;
  /** The set in force at `nextOffset`; undefined on a partition that nobody has worked on. */
  readonly ruleSetId: number | undefined;
  /** Newest first. */
  readonly snapshots: readonly StoredSnapshot[];
  /** By first offset. */
  readonly activations: readonly Activation[];
  readonly ruleSets: readonly StoredRuleSet[];
}

export interface ClaimRequest extends PartitionKey {
  readonly clusterId: string;
  readonly partitionCount: number;
  /** Name of the process, for people. */
  readonly owner: string;
  /** Where a partition that nobody has worked on begins. */
  readonly startOffset: number;
}

export interface DeadLetter {
  readonly offset: number;
  readonly appendTimeMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly code: string;
  readonly field: string;
  readonly message: string;
}

/** Everything one or more consecutive batches of a partition change. */
export interface Commit extends PartitionKey {
  readonly epoch: number;
  /** The stored next_offset this builds on. */
  readonly expectedOffset: number;
  readonly nextOffset: number;
  readonly clockMs: number;
  /** Undefined when nothing was applied. */
  readonly last: LastRecord | undefined;
  readonly ruleSetId: number;
  /** Set when a rule set takes effect at `firstOffset` with this commit. */
  readonly activation: { readonly firstOffset: number; readonly removal: Removal | undefined } | undefined;
  readonly stimuli: readonly Stimulus[];
  readonly deadLetters: readonly DeadLetter[];
  readonly snapshot: { readonly format: number; readonly memory: Buffer } | undefined;
}

export type CommitResult =
  | { readonly outcome: "committed"; readonly settled: SettleResult }
  /** An earlier try whose answer was lost had been committed. */
  | { readonly outcome: "already" }
  /** Another owner has claimed the partition; nothing was written. */
  | { readonly outcome: "fenced" };

export interface TicketStore {
  /** Number of the set with this hash; stored if it is new. */
  registerRuleSet(hash: string, source: unknown): Promise<number>;
  /** Takes the partition over (epoch + 1). Throws `halted` when the row belongs to another log, `unavailable`. */
  claim(request: ClaimRequest): Promise<Claim>;
  /** Writes all of it in one transaction behind the fence. Throws `unavailable`: then it may or may not have been written, and the same commit is to be tried again. */
  commit(commit: Commit): Promise<CommitResult>;
  /** Notes for people why a partition stands still (null = it goes on). */
  setHalted(key: PartitionKey, epoch: number, reason: string | null): Promise<void>;
}
