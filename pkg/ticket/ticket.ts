// What people see: a ticket and its history. Types and names only.
import type { Severity } from "../rule/model.ts";

export type TicketStatus = "open" | "acknowledged" | "resolved";
export type Cause = "entry" | "timer" | "human" | "rules";
export type TicketEventType = "opened" | "reopened" | "recurred" | "recovered" | "resolved" | "severity_changed";

/** Why a ticket exists or changed (V1). */
export interface Evidence {
  readonly rule_version: string;
  readonly level: Severity;
  /** Values at the paths the level's expression reads. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly entry: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly append_time: string;
  };
  readonly event_id: string | null;
  readonly event_time: string;
  readonly trace_id: string | null;
  /** For timers: since when the condition held, and when it was due. */
  readonly since: string | null;
  readonly due: string | null;
}

/** A ticket row. Times are log times in ms. */
export interface Ticket {
  /** 0 until the store has given it one. */
  id: number;
  readonly partition: number;
  readonly ruleId: string;
  readonly deviceId: string;
  /** JSON array of the dedup key's values; "" without one. */
  readonly dedup: string;
  /** n-th ticket of its alarm, from 1. */
  readonly seq: number;
  status: TicketStatus;
  severity: Severity;
  peakSeverity: Severity;
  reason: string;
  readonly region: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly runbook: string | null;
  readonly openedAtMs: number;
  resolvedAtMs: number | null;
  readonly firstSeenMs: number;
  lastSeenMs: number;
  occurrences: number;
  reopens: number;
  /** Whether the alarm is on, as far as the log has been applied. */
  alarmOn: boolean;
  /** Whether this run of the ticket was announced (N1). */
  runNotified: boolean;
  /** False after C5, C6: the next one of this alarm is a new ticket. */
  reopenable: boolean;
  /** Number of the rule set that opened it. */
  readonly openedUnder: number;
  readonly ruleVersion: string;
  /** JSON text of the newest Evidence. */
  evidence: string;
  /** The opening event as sent. */
  readonly eventJson: string;
}

/** One row of a ticket's history. */
export interface TicketEvent {
  readonly ticket: Ticket;
  readonly atMs: number;
  readonly type: TicketEventType;
  readonly cause: Cause;
  readonly why: string | null;
  readonly from: Severity | null;
  readonly to: Severity | null;
  readonly by: string | null;
  readonly notify: boolean;
  readonly ruleVersion: string;
  readonly evidence: string | null;
}

/** One key for an alarm: rule, device and dedup key. Rule ids and device ids hold no NUL. */
export function alarmKey(ruleId: string, deviceId: string, dedup: string): string {
  return `${ruleId}\0${deviceId}\0${dedup}`;
}
