// Decides how tickets and dead letters look as JSON: snake_case, times RFC 3339 UTC, ids strings (numbers on the seed routes).
import type { DeadLetterRow, HistoryRow, RecentTicket, TicketDetail, TicketSummary } from "../ticket/read.ts";

/** A ticket as the original's clients know it; new fields only after the six first. */
export function presentRecent(ticket: RecentTicket): object {
  return {
    id: ticket.id,
    device_id: ticket.deviceId,
    severity: ticket.severity,
    reason: ticket.reason,
    event_json: ticket.eventJson,
    created_at: ticket.createdAt,
    status: ticket.status,
    rule_id: ticket.ruleId,
    region: ticket.region,
    occurrences: ticket.occurrences,
    last_seen: ticket.lastSeen,
    resolved_at: ticket.resolvedAt,
  };
}

export function presentTicket(ticket: TicketSummary): object {
  return {
    id: String(ticket.id),
    status: ticket.status,
    severity: ticket.severity,
    peak_severity: ticket.peakSeverity,
    rule_id: ticket.ruleId,
    device_id: ticket.deviceId,
    reason: ticket.reason,
    region: ticket.region,
    labels: ticket.labels,
    runbook: ticket.runbook,
    occurrences: ticket.occurrences,
    reopens: ticket.reopens,
    opened_at: ticket.openedAt,
    resolved_at: ticket.resolvedAt,
    first_seen: ticket.firstSeen,
    last_seen: ticket.lastSeen,
    created_at: ticket.createdAt,
    updated_at: ticket.updatedAt,
  };
}

export function presentDetail(ticket: TicketDetail): object {
  return {
    ...presentTicket(ticket),
    dedup_key: ticket.dedup,
    seq: ticket.seq,
    alarm_on: ticket.alarmOn,
    rule_version: ticket.ruleVersion,
    evidence: ticket.evidence,
    event_json: ticket.eventJson,
    history: ticket.history.map(presentHistory),
    history_truncated: ticket.historyTruncated,
  };
}

function presentHistory(row: HistoryRow): object {
  return {
    id: String(row.id),
    at: row.at,
    type: row.type,
    cause: row.cause,
    why: row.why,
    from_severity: row.from,
    to_severity: row.to,
    by: row.by,
    rule_version: row.ruleVersion,
    evidence: row.evidence,
    created_at: row.createdAt,
  };
}

/** Keys and values as base64, and as text where they are text. Long ones are cut (`value_truncated`). */
export function presentDeadLetter(letter: DeadLetterRow): object {
  const truncated = letter.value !== null && letter.value.length < (letter.valueBytes ?? 0);
  return {
    id: String(letter.id),
    topic: letter.topic,
    partition: letter.partition,
    offset: String(letter.offset),
    append_time: letter.appendTime,
    code: letter.code,
    field: letter.field,
    message: letter.message,
    key_base64: letter.key?.toString("base64") ?? null,
    value_base64: letter.value?.toString("base64") ?? null,
    value_text: letter.value === null ? null : textOf(letter.value, truncated),
    value_bytes: letter.valueBytes,
    value_truncated: truncated,
    created_at: letter.createdAt,
  };
}

/** Null for bytes that are not UTF-8 or hold NUL. `cut`: the last character may be incomplete and is left out then. */
function textOf(bytes: Buffer, cut: boolean): string | null {
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream: cut });
  } catch {
    // Not text; the base64 form has it.
    return null;
  }
}
