// How tickets and history look as rows of PostgreSQL.
import type { Severity } from "../rule/model.ts";
import type { Ticket, TicketEvent, TicketStatus } from "./ticket.ts";

const ms = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8 AS ${column}_ms`;

/** Columns of a ticket as settlement needs them; times as whole ms. */
export const TICKET_COLUMNS = `id, partition, rule_id, device_id, dedup_key, seq, status, severity, peak_severity, reason,
  region, labels, runbook, ${ms("opened_at")}, ${ms("resolved_at")}, ${ms("first_seen")}, ${ms("last_seen")}, occurrences,
  reopens, alarm_on, run_notified, reopenable, opened_under, rule_version, evidence, event_json`;

export interface TicketRow {
  id: number;
  partition: number;
  rule_id: string;
  device_id: string;
  dedup_key: string;
  seq: number;
  status: TicketStatus;
  severity: Severity;
  peak_severity: Severity;
  reason: string;
  region: string | null;
  labels: string;
  runbook: string | null;
  opened_at_ms: number;
  resolved_at_ms: number | null;
  first_seen_ms: number;
  last_seen_ms: number;
  occurrences: number;
  reopens: number;
  alarm_on: boolean;
  run_notified: boolean;
  reopenable: boolean;
  opened_under: number;
  rule_version: string;
  evidence: string;
  event_json: string;
}

export function ticketOf(row: TicketRow): Ticket {
  return {
    id: row.id,
    partition: row.partition,
    ruleId: row.rule_id,
    deviceId: row.device_id,
    dedup: row.dedup_key,
    seq: row.seq,
    status: row.status,
    severity: row.severity,
    peakSeverity: row.peak_severity,
    reason: row.reason,
    region: row.region,
    labels: JSON.parse(row.labels),
    runbook: row.runbook,
    openedAtMs: Math.round(row.opened_at_ms),
    resolvedAtMs: row.resolved_at_ms === null ? null : Math.round(row.resolved_at_ms),
    firstSeenMs: Math.round(row.first_seen_ms),
    lastSeenMs: Math.round(row.last_seen_ms),
    occurrences: row.occurrences,
    reopens: row.reopens,
    alarmOn: row.alarm_on,
    runNotified: row.run_notified,
    reopenable: row.reopenable,
    openedUnder: row.opened_under,
    ruleVersion: row.rule_version,
    evidence: row.evidence,
    eventJson: row.event_json,
  };
}

let lastMs = Number.NaN;
let lastText = "";

/** RFC 3339 text of an instant; entries of a batch mostly share theirs. */
function time(value: number | null): string | null {
  if (value === null) return null;
  if (value !== lastMs) {
    lastText = new Date(value).toISOString();
    lastMs = value;
  }
  return lastText;
}

/** For json_to_recordset. */
export function toTicketRow(ticket: Ticket): Record<string, unknown> {
  return {
    id: ticket.id,
    rule_id: ticket.ruleId,
    device_id: ticket.deviceId,
    dedup_key: ticket.dedup,
    seq: ticket.seq,
    status: ticket.status,
    severity: ticket.severity,
    peak_severity: ticket.peakSeverity,
    reason: ticket.reason,
    region: ticket.region,
    labels: JSON.stringify(ticket.labels),
    runbook: ticket.runbook,
    opened_at: time(ticket.openedAtMs),
    resolved_at: time(ticket.resolvedAtMs),
    first_seen: time(ticket.firstSeenMs),
    last_seen: time(ticket.lastSeenMs),
    occurrences: ticket.occurrences,
    reopens: ticket.reopens,
    alarm_on: ticket.alarmOn,
    run_notified: ticket.runNotified,
    reopenable: ticket.reopenable,
    opened_under: ticket.openedUnder,
    rule_version: ticket.ruleVersion,
    evidence: ticket.evidence,
    event_json: ticket.eventJson,
  };
}

/** For json_to_recordset; the ticket must have its id. `n` keeps the order. */
export function toEventRow(event: TicketEvent, n: number): Record<string, unknown> {
  return {
    n,
    ticket_id: event.ticket.id,
    at: time(event.atMs),
    type: event.type,
    cause: event.cause,
    why: event.why,
    from_severity: event.from,
    to_severity: event.to,
    by: event.by,
    notify: event.notify,
    rule_version: event.ruleVersion,
    evidence: event.evidence,
  };
}
