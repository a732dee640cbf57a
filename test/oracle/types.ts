// The shapes the reference model works with: what a dumped log is, and what a fold of it says there should be.
// Types only, written apart from the product's.

export type Severity = "critical" | "high" | "medium" | "low";
export type Status = "open" | "acknowledged" | "resolved";

/** One record as it lies in the log. `value` null is a null value, not an empty one. */
export interface DumpedRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, as the log stamped it. */
  readonly appendTimeMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** One event at its device's home, in log order. */
export interface Reading {
  readonly partition: number;
  readonly offset: number;
  /** Log time (T1). */
  readonly atMs: number;
  /** `ts`, if it is believed (T4). */
  readonly believedMs: number | null;
  /** D8; null = can never be a repeat. */
  readonly identity: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export interface OracleTicket {
  rule: string;
  device: string;
  /** n-th ticket of its alarm, from 1. */
  seq: number;
  status: Status;
  severity: Severity;
  peakSeverity: Severity;
  reason: string;
  openedAtMs: number;
  resolvedAtMs: number | null;
  firstSeenMs: number;
  lastSeenMs: number;
  occurrences: number;
  reopens: number;
  /** Text of the event that opened the ticket, as sent. */
  eventJson: string;
  /** `partition/offset` of the newest evidence (V1). */
  evidenceEntry: string;
}

export interface HistoryRow {
  readonly rule: string;
  readonly device: string;
  readonly seq: number;
  readonly type: string;
  readonly atMs: number;
  readonly cause: string;
  readonly why: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly notify: boolean;
}

export interface DeadLetter {
  readonly partition: number;
  readonly offset: number;
  readonly value: Buffer | null;
}

/** What the log says there should be. */
export interface OracleResult {
  /** By rule, device, seq. */
  readonly tickets: readonly OracleTicket[];
  /** In order within a ticket; the order between tickets means nothing. */
  readonly history: readonly HistoryRow[];
  /** By partition, offset. */
  readonly deadLetters: readonly DeadLetter[];
  readonly counts: OracleCounts;
  /** Per partition, last applied offset + 1; a partition without a record is not in it. */
  readonly nextOffsets: ReadonlyMap<number, number>;
  /** Tickets per `severity/status`, like `high/open`; what is 0 is not in it. */
  readonly ticketCounts: ReadonlyMap<string, number>;
}

export interface OracleCounts {
  /** T5. */
  late: number;
  /** A ts that was sent but not believed (T4). */
  badTs: number;
  /** E5. */
  quarantined: number;
  /** Records away from their device's home (T8). */
  away: number;
  /** Moved copies that were taken before (T8). */
  movedTwice: number;
  /** Repeats, per alarm (D8). */
  repeated: number;
}
