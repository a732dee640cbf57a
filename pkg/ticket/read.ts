// The port of the read side: what people and counters ask about tickets. Types only; the adapter is postgres-read.ts.
// Every answer costs about the same however many tickets there are: no totals, no counting, no offsets.
import type { Severity } from "../rule/model.ts";
import type { Cause, Evidence, TicketEventType, TicketStatus } from "./ticket.ts";

/** Times are RFC 3339 UTC text with six digits (the column's microseconds): a Date would cut them. */
export type Instant = string;

/** A place in a list that is ordered newest first by (createdAt, id). */
export interface Position {
  readonly createdAt: Instant;
  readonly id: number;
}

export interface TicketSummary {
  readonly id: number;
  readonly status: TicketStatus;
  readonly severity: Severity;
  readonly peakSeverity: Severity;
  readonly ruleId: string;
  readonly deviceId: string;
  readonly reason: string;
  readonly region: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly runbook: string | null;
  readonly occurrences: number;
  readonly reopens: number;
  readonly openedAt: Instant;
  readonly resolvedAt: Instant | null;
  readonly firstSeen: Instant;
  readonly lastSeen: Instant;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
}

/** A ticket with the event that opened it. */
export interface RecentTicket extends TicketSummary {
  /** The event's JSON text as sent. */
  readonly eventJson: string;
}

export interface TicketDetail extends RecentTicket {
  /** Values of the rule's dedupKey; empty without one. */
  readonly dedup: readonly unknown[];
  /** n-th ticket of its alarm, from 1. */
  readonly seq: number;
  readonly alarmOn: boolean;
  readonly ruleVersion: string;
  /** The newest. */
  readonly evidence: Evidence;
  /** Oldest first, at most HISTORY_LIMIT rows: the first ones are left out then. */
  readonly history: readonly HistoryRow[];
  readonly historyTruncated: boolean;
}

export const HISTORY_LIMIT = 1_000;

export interface HistoryRow {
  readonly id: number;
  readonly at: Instant;
  readonly type: TicketEventType;
  readonly cause: Cause;
  readonly why: string | null;
  readonly from: Severity | null;
  readonly to: Severity | null;
  readonly by: string | null;
  readonly ruleVersion: string;
  readonly evidence: Evidence | null;
  readonly createdAt: Instant;
}

export interface TicketFilter {
  /** One of these; at least one. */
  readonly statuses?: readonly TicketStatus[];
  /** One of these; at least one. */
  readonly severities?: readonly Severity[];
  readonly device?: string;
  readonly rule?: string;
}

export interface DeadLetterRow {
  readonly id: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly appendTime: Instant;
  /** The first PREVIEW_BYTES of the record's key. */
  readonly key: Buffer | null;
  /** The first PREVIEW_BYTES of the record's value. */
  readonly value: Buffer | null;
  /** All bytes of the value; null = the record had none. */
  readonly valueBytes: number | null;
  readonly code: string;
  readonly field: string;
  readonly message: string;
  readonly createdAt: Instant;
}

/** Poison may be as large as a record can be: a page of it must not be. */
export const PREVIEW_BYTES = 16_384;

/** How many rows, and after which place. */
export interface PageRequest {
  /** 1 to 500. */
  readonly limit: number;
  readonly after?: Position;
}

export interface Page<T> {
  /** Newest first. */
  readonly items: readonly T[];
  /** Where the next page goes on; undefined = this was the last. */
  readonly next?: Position;
  /** Set when the page is short because SCAN_LIMIT rows were looked at: the time of the last of them. */
  readonly scannedUntil?: Instant;
}

/** Rows of the leading filter that one page looks at, at most, when further filters leave most of them out. */
export const SCAN_LIMIT = 20_000;

/** Tickets by severity and status. Every pair is there. */
export type TicketCounts = Readonly<Record<Severity, Readonly<Record<TicketStatus, number>>>>;

export interface CountsReading {
  /** Which database this is. */
  readonly installationId: string;
  /** Grows with every change of any count of this installation; equal versions have equal counts. */
  readonly version: number;
  readonly counts: TicketCounts;
}

export const DEAD_LETTERS_COUNTED = 100_000;

/** Of the open tickets of a severity so many, the first created ones, are asked since when they wait. */
export const UNACKNOWLEDGED_LOOKED_AT = 1_000;

/** What watchers of the system ask, seldom and not for requests. Throws `unavailable`. */
export interface TicketWatch {
  /**
   * For how many seconds the oldest open ticket of each severity has waited for a person since it was opened or reopened; 0 = none is open.
   * Too small only where the UNACKNOWLEDGED_LOOKED_AT first created ones have all been reopened.
   */
  unacknowledgedOldest(): Promise<Readonly<Record<Severity, number>>>;
}

/** Every method throws `unavailable` when the database does not answer. Texts must be well-formed and free of NUL. */
export interface TicketReader {
  /** The newest tickets; `limit` 1 to 500. */
  recent(limit: number): Promise<readonly RecentTicket[]>;
  list(filter: TicketFilter, page: PageRequest): Promise<Page<TicketSummary>>;
  /** Undefined if there is no such ticket. */
  get(id: number): Promise<TicketDetail | undefined>;
  deadLetters(filter: { readonly code?: string }, page: PageRequest): Promise<Page<DeadLetterRow>>;
  counts(): Promise<CountsReading>;
  /** How many dead letters there are, at most DEAD_LETTERS_COUNTED. Reads that many rows: not for requests. */
  deadLettersStored(): Promise<number>;
}
