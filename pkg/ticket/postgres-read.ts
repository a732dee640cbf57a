// The PostgreSQL adapter of the read side. Each method is one statement, so what it returns was true at one moment.
import type pg from "pg";
import { AlertCastError } from "../errors.ts";
import type { Severity } from "../rule/model.ts";
import { type QueryObserver, unobserved } from "../telemetry/queries.ts";
import { countsOf } from "./counts.ts";
import { instant, listDeadLetters, listTickets, type Statement, SUMMARY_COLUMNS } from "./postgres-list.ts";
import { translatePostgresError } from "./postgres-pool.ts";
import { asker } from "./postgres-query.ts";
import {
  type CountsReading,
  DEAD_LETTERS_COUNTED,
  type DeadLetterRow,
  HISTORY_LIMIT,
  type HistoryRow,
  type Page,
  type PageRequest,
  type Position,
  type RecentTicket,
  type TicketDetail,
  type TicketReader,
  type TicketSummary,
  type TicketWatch,
  UNACKNOWLEDGED_LOOKED_AT,
} from "./read.ts";
import type { TicketStatus } from "./ticket.ts";

const RECENT = `SELECT ${SUMMARY_COLUMNS}, event_json FROM ticket t ORDER BY t.created_at DESC, t.id DESC LIMIT $1`;

const GET = `
SELECT ${SUMMARY_COLUMNS}, event_json, dedup_key, seq, alarm_on, rule_version, evidence,
  (SELECT json_agg(h) FROM (
    SELECT id, ${instant("at")}, type, cause, why, from_severity, to_severity, by, rule_version, evidence, ${instant("created_at")}
    FROM ticket_event e WHERE e.ticket_id = t.id ORDER BY e.id DESC LIMIT ${HISTORY_LIMIT + 1}
  ) h) AS history
FROM ticket t WHERE t.id = $1`;

const COUNTS = `
SELECT i.id AS installation_id, c.severity, c.status, sum(c.n)::bigint AS n, sum(c.version)::bigint AS version
FROM installation i LEFT JOIN ticket_count c ON true
GROUP BY i.id, c.severity, c.status`;

const DEAD_LETTERS_STORED = `SELECT count(*) AS n FROM (SELECT FROM dead_letter LIMIT ${DEAD_LETTERS_COUNTED}) d`;

/** A ticket that was reopened waits since then. */
const UNACKNOWLEDGED_OLDEST = `
SELECT s.severity, coalesce(extract(epoch FROM now() - min(o.since)), 0)::float8 AS seconds
FROM unnest(ARRAY['critical', 'high', 'medium', 'low']) AS s (severity)
LEFT JOIN LATERAL (
  SELECT CASE WHEN t.reopens = 0 THEN t.created_at ELSE (
    SELECT max(e.created_at) FROM ticket_event e WHERE e.ticket_id = t.id AND e.type = 'reopened'
  ) END AS since
  FROM ticket t WHERE t.status = 'open' AND t.severity = s.severity
  ORDER BY (t.created_at AT TIME ZONE 'UTC'), t.id LIMIT ${UNACKNOWLEDGED_LOOKED_AT}
) o ON true
GROUP BY s.severity`;

interface SummaryRow {
  id: number;
  status: TicketStatus;
  severity: Severity;
  peak_severity: Severity;
  rule_id: string;
  device_id: string;
  reason: string;
  region: string | null;
  labels: string;
  runbook: string | null;
  occurrences: number;
  reopens: number;
  opened_at: string;
  resolved_at: string | null;
  first_seen: string;
  last_seen: string;
  created_at: string;
  updated_at: string;
}

interface ListRow extends SummaryRow {
  matches: boolean;
  scan_end: boolean;
}

interface StoredHistory {
  id: number;
  at: string;
  type: HistoryRow["type"];
  cause: HistoryRow["cause"];
  why: string | null;
  from_severity: Severity | null;
  to_severity: Severity | null;
  by: string | null;
  rule_version: string;
  evidence: string | null;
  created_at: string;
}

interface DetailRow extends SummaryRow {
  event_json: string;
  dedup_key: string;
  seq: number;
  alarm_on: boolean;
  rule_version: string;
  evidence: string;
  history: StoredHistory[] | null;
}

interface LetterRow {
  id: number;
  topic: string;
  partition: number;
  record_offset: number;
  append_time: string;
  key: Buffer | null;
  value: Buffer | null;
  value_bytes: number | null;
  code: string;
  field: string;
  message: string;
  created_at: string;
}

interface CountRow {
  installation_id: string;
  severity: Severity | null;
  status: TicketStatus | null;
  n: number | null;
  version: number | null;
}

/** The read side over this pool. The schema must be there (postgres-migrate.ts). */
export function postgresReader(pool: pg.Pool, observe: QueryObserver = unobserved): TicketReader & TicketWatch {
  const ask = asker(pool, observe);
  const run = async <R extends pg.QueryResultRow>(name: string, { text, values }: Statement): Promise<R[]> => {
    try {
      return (await ask<R>(name, text, values)).rows;
    } catch (error) {
      throw translatePostgresError(error);
    }
  };
  return {
    async recent(limit) {
      const rows = await run<SummaryRow & { event_json: string }>("recent-tickets", { text: RECENT, values: [limit] });
      return rows.map((row): RecentTicket => ({ ...summaryOf(row), eventJson: row.event_json }));
    },
    async list(filter, page) {
      return ticketPage(await run<ListRow>("list-tickets", listTickets(filter, page)), page);
    },
    async get(id) {
      const [row] = await run<DetailRow>("get-ticket", { text: GET, values: [id] });
      return row === undefined ? undefined : detailOf(row);
    },
    async deadLetters({ code }, page) {
      const rows = await run<LetterRow>("list-dead-letters", listDeadLetters(code, page));
      return rows.length <= page.limit ? { items: rows.map(letterOf) } : fullPage(rows.slice(0, page.limit), letterOf);
    },
    async deadLettersStored() {
      const [row] = await run<{ n: number }>("count-dead-letters", { text: DEAD_LETTERS_STORED, values: [] });
      return row?.n ?? 0;
    },
    async unacknowledgedOldest() {
      const statement = { text: UNACKNOWLEDGED_OLDEST, values: [] };
      const rows = await run<{ severity: Severity; seconds: number }>("unacknowledged-oldest", statement);
      const of = (severity: Severity) => Math.max(0, rows.find((row) => row.severity === severity)?.seconds ?? 0);
      return { critical: of("critical"), high: of("high"), medium: of("medium"), low: of("low") };
    },
    async counts() {
      return countsReading(await run<CountRow>("read-counts", { text: COUNTS, values: [] }));
    },
  };
}

function positionOf(row: { created_at: string; id: number }): Position {
  return { createdAt: row.created_at, id: row.id };
}

function fullPage<R extends { created_at: string; id: number }, T>(rows: readonly R[], map: (row: R) => T): Page<T> {
  const last = rows.at(-1);
  return { items: rows.map(map), ...(last !== undefined && { next: positionOf(last) }) };
}

/** `rows` as listTickets selects them. The end of the scan need not be part of the list. */
function ticketPage(rows: readonly ListRow[], { limit }: PageRequest): Page<TicketSummary> {
  const matching = rows.filter((row) => row.matches);
  if (matching.length > limit) return fullPage(matching.slice(0, limit), summaryOf);
  const items = matching.map(summaryOf);
  const end = rows.find((row) => row.scan_end);
  if (end === undefined) return { items };
  return { items, next: positionOf(end), ...(items.length < limit && { scannedUntil: end.created_at }) };
}

function summaryOf(row: SummaryRow): TicketSummary {
  return {
    id: row.id,
    status: row.status,
    severity: row.severity,
    peakSeverity: row.peak_severity,
    ruleId: row.rule_id,
    deviceId: row.device_id,
    reason: row.reason,
    region: row.region,
    labels: JSON.parse(row.labels),
    runbook: row.runbook,
    occurrences: row.occurrences,
    reopens: row.reopens,
    openedAt: row.opened_at,
    resolvedAt: row.resolved_at,
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function detailOf(row: DetailRow): TicketDetail {
  const newestFirst = row.history ?? [];
  return {
    ...summaryOf(row),
    eventJson: row.event_json,
    dedup: row.dedup_key === "" ? [] : JSON.parse(row.dedup_key),
    seq: row.seq,
    alarmOn: row.alarm_on,
    ruleVersion: row.rule_version,
    evidence: JSON.parse(row.evidence),
    history: newestFirst.slice(0, HISTORY_LIMIT).reverse().map(historyOf),
    historyTruncated: newestFirst.length > HISTORY_LIMIT,
  };
}

function historyOf(row: StoredHistory): HistoryRow {
  return {
    id: row.id,
    at: row.at,
    type: row.type,
    cause: row.cause,
    why: row.why,
    from: row.from_severity,
    to: row.to_severity,
    by: row.by,
    ruleVersion: row.rule_version,
    evidence: row.evidence === null ? null : JSON.parse(row.evidence),
    createdAt: row.created_at,
  };
}

function letterOf(row: LetterRow): DeadLetterRow {
  return {
    id: row.id,
    topic: row.topic,
    partition: row.partition,
    offset: row.record_offset,
    appendTime: row.append_time,
    key: row.key,
    value: row.value,
    valueBytes: row.value_bytes,
    code: row.code,
    field: row.field,
    message: row.message,
    createdAt: row.created_at,
  };
}

/** Each count's version only grows, so their sum does; reading both in one statement keeps them together. */
function countsReading(rows: readonly CountRow[]): CountsReading {
  const installationId = rows[0]?.installation_id;
  if (installationId === undefined) throw new AlertCastError("internal", "the database has no installation id");
  const numbers = new Map<string, number>();
  let version = 0;
  for (const { severity, status, n, version: own } of rows) {
    numbers.set(`${severity}/${status}`, n ?? 0);
    version += own ?? 0;
  }
  const counts = countsOf((severity, status) => numbers.get(`${severity}/${status}`) ?? 0);
  return { installationId, version, counts };
}
