// Writes one commit in one transaction: the fence first, and nothing unless its row matched.
import pg from "pg";
import { AlertCastError } from "../errors.ts";
import { type QueryObserver, unobserved } from "../telemetry/queries.ts";
import { type Ask, asker } from "./postgres-query.ts";
import { TICKET_COLUMNS, type TicketRow, ticketOf, toEventRow, toTicketRow } from "./postgres-rows.ts";
import { type SettleResult, settle } from "./settle.ts";
import type { Commit } from "./store.ts";
import { alarmKey, type Ticket } from "./ticket.ts";

const NEWEST_TICKETS = `
SELECT t.* FROM unnest($1::text[], $2::text[], $3::text[]) AS k (rule_id, device_id, dedup_key)
CROSS JOIN LATERAL (
  SELECT ${TICKET_COLUMNS} FROM ticket
  WHERE ticket.rule_id = k.rule_id AND ticket.device_id = k.device_id AND ticket.dedup_key = k.dedup_key
  ORDER BY seq DESC LIMIT 1 FOR UPDATE
) AS t`;

const TICKETS_OF_RULES = `
SELECT ${TICKET_COLUMNS} FROM ticket
WHERE partition = $1 AND rule_id = ANY($2) AND reopenable
ORDER BY id FOR UPDATE`;

const INSERT_TICKETS = `
INSERT INTO ticket (partition, rule_id, device_id, dedup_key, seq, status, severity, peak_severity, reason, region, labels,
  runbook, opened_at, resolved_at, first_seen, last_seen, occurrences, reopens, alarm_on, run_notified, reopenable,
  opened_under, rule_version, evidence, event_json)
SELECT $1::int, r.rule_id, r.device_id, r.dedup_key, r.seq, r.status, r.severity, r.peak_severity, r.reason, r.region, r.labels,
  r.runbook, r.opened_at, r.resolved_at, r.first_seen, r.last_seen, r.occurrences, r.reopens, r.alarm_on, r.run_notified,
  r.reopenable, r.opened_under, r.rule_version, r.evidence, r.event_json
FROM json_to_recordset($2::json) AS r (rule_id text, device_id text, dedup_key text, seq int, status text, severity text,
  peak_severity text, reason text, region text, labels text, runbook text, opened_at timestamptz, resolved_at timestamptz,
  first_seen timestamptz, last_seen timestamptz, occurrences bigint, reopens int, alarm_on boolean, run_notified boolean,
  reopenable boolean, opened_under int, rule_version text, evidence text, event_json text)
RETURNING id, rule_id, device_id, dedup_key, seq`;

const UPDATE_TICKETS = `
UPDATE ticket SET status = r.status, severity = r.severity, peak_severity = r.peak_severity, reason = r.reason,
  resolved_at = r.resolved_at, last_seen = r.last_seen, occurrences = r.occurrences, reopens = r.reopens,
  alarm_on = r.alarm_on, run_notified = r.run_notified, reopenable = r.reopenable, evidence = r.evidence, updated_at = now()
FROM json_to_recordset($1::json) AS r (id bigint, status text, severity text, peak_severity text, reason text,
  resolved_at timestamptz, last_seen timestamptz, occurrences bigint, reopens int, alarm_on boolean, run_notified boolean,
  reopenable boolean, evidence text)
WHERE ticket.id = r.id`;

const INSERT_EVENTS = `
INSERT INTO ticket_event (ticket_id, at, type, cause, why, from_severity, to_severity, by, notify, rule_version, evidence)
SELECT r.ticket_id, r.at, r.type, r.cause, r.why, r.from_severity, r.to_severity, r.by, r.notify, r.rule_version, r.evidence
FROM json_to_recordset($1::json) AS r (ticket_id bigint, at timestamptz, type text, cause text, why text,
  from_severity text, to_severity text, by text, notify boolean, rule_version text, evidence text, n integer)
ORDER BY r.n`;

const ADD_COUNTS = `
INSERT INTO ticket_count (partition, severity, status, n, version)
SELECT $1::int, severity, status, delta, 1 FROM unnest($2::text[], $3::text[], $4::bigint[]) AS d (severity, status, delta)
ORDER BY severity, status
ON CONFLICT (partition, severity, status)
DO UPDATE SET n = ticket_count.n + excluded.n, version = ticket_count.version + 1`;

const INSERT_DEAD_LETTERS = `
INSERT INTO dead_letter (topic, partition, record_offset, append_time, key, value, headers, code, field, message)
SELECT $1, $2, r.* FROM unnest($3::bigint[], $4::timestamptz[], $5::bytea[], $6::bytea[], $7::text[], $8::text[], $9::text[],
  $10::text[]) AS r
ON CONFLICT (topic, partition, record_offset) DO NOTHING`;

const INSERT_ACTIVATION = `
INSERT INTO rule_activation (consumer_group, topic, partition, first_offset, rule_set_id)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`;

const INSERT_SNAPSHOT = `
INSERT INTO snapshot (consumer_group, topic, partition, next_offset, format, rule_set_id, memory)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (consumer_group, topic, partition, next_offset)
DO UPDATE SET format = excluded.format, rule_set_id = excluded.rule_set_id, memory = excluded.memory, created_at = now()`;

/** Two are kept: should the newest not be readable, the one before is. */
const TRIM_SNAPSHOTS = `
DELETE FROM snapshot WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND next_offset < (
  SELECT next_offset FROM snapshot WHERE consumer_group = $1 AND topic = $2 AND partition = $3
  ORDER BY next_offset DESC OFFSET 1 LIMIT 1)`;

export interface CommitOptions {
  readonly failpoint?: (name: "after-begin" | "before-commit" | "after-commit") => Promise<void>;
  readonly fenced?: boolean;
  readonly observe?: QueryObserver;
}

/**
 * BEGIN and the fence in one round trip, then everything else, then COMMIT.
 * @returns what settling did, or undefined when the fence did not match: then nothing was written
 */
export async function writeCommit(
  client: pg.ClientBase,
  commit: Commit,
  options: CommitOptions,
): Promise<SettleResult | undefined> {
  const ask = asker(client, options.observe ?? unobserved);
  const [, fence] = await multiQuery(ask, "begin-and-fence", `BEGIN; ${fenceSql(commit, options.fenced ?? true)}`);
  await options.failpoint?.("after-begin");
  if (fence?.rowCount !== 1) {
    await ask("rollback", "ROLLBACK");
    return undefined;
  }
  const settled = await settleTickets(ask, commit);
  await writeDeadLetters(ask, commit);
  await writeRuleSetAndSnapshot(ask, commit);
  await options.failpoint?.("before-commit");
  const done = await ask("commit", "COMMIT");
  if (done.command !== "COMMIT") {
    throw new AlertCastError("internal", `the transaction ended with ${done.command} instead of COMMIT`);
  }
  await options.failpoint?.("after-commit");
  return settled;
}

/** A simple query of several statements answers with one result each, which the driver's types do not say. */
async function multiQuery(ask: Ask, name: string, text: string): Promise<pg.QueryResult[]> {
  const result: unknown = await ask(name, text);
  return Array.isArray(result) ? result : [];
}

function fenceSql(commit: Commit, fenced: boolean): string {
  const text = pg.escapeLiteral;
  const last =
    commit.last === undefined
      ? ""
      : `, last_offset = ${commit.last.offset}, last_append_time_ms = ${commit.last.appendTimeMs}, last_hash = '\\x${commit.last.hash.toString("hex")}'`;
  const condition = fenced ? ` AND epoch = ${commit.epoch} AND next_offset = ${commit.expectedOffset}` : "";
  const clock = Number.isFinite(commit.clockMs) ? `, clock_ms = ${commit.clockMs}` : "";
  return (
    `UPDATE partition_state SET next_offset = ${commit.nextOffset}, rule_set_id = ${commit.ruleSetId}, ` +
    `halted = NULL, updated_at = now()${clock}${last} ` +
    `WHERE consumer_group = ${text(commit.group)} AND topic = ${text(commit.topic)} AND partition = ${commit.partition}${condition}`
  );
}

async function settleTickets(ask: Ask, commit: Commit): Promise<SettleResult> {
  const removal = commit.activation?.removal;
  const byId = new Map<number, Ticket>();
  const remember = (row: TicketRow) => {
    const known = byId.get(row.id);
    if (known !== undefined) return known;
    const ticket = ticketOf(row);
    byId.set(ticket.id, ticket);
    return ticket;
  };
  const ofRemovedRules: Ticket[] = [];
  if (removal !== undefined && removal.removed.length > 0) {
    const ruleIds = removal.removed.map((r) => r.ruleId);
    const found = await ask<TicketRow>("tickets-of-rules", TICKETS_OF_RULES, [commit.partition, ruleIds]);
    for (const row of found.rows) ofRemovedRules.push(remember(row));
  }
  const tickets = new Map<string, Ticket>();
  if (commit.stimuli.length > 0) {
    for (const row of await lockNewest(ask, commit)) {
      tickets.set(alarmKey(row.rule_id, row.device_id, row.dedup_key), remember(row));
    }
  }
  const before = new Map<Ticket, string>();
  for (const ticket of byId.values()) before.set(ticket, `${ticket.severity}/${ticket.status}`);
  const { topic, partition, ruleSetId, stimuli } = commit;
  const settled = settle({ topic, partition, ruleSetId, tickets, ofRemovedRules, removal, stimuli });
  await writeTickets(ask, commit, settled);
  await writeCounts(ask, commit.partition, settled, before);
  return settled;
}

async function lockNewest(ask: Ask, commit: Commit): Promise<TicketRow[]> {
  const keys = new Map<string, readonly [string, string, string]>();
  for (const { rule, deviceId, dedup } of commit.stimuli) {
    const key = alarmKey(rule.id, deviceId, dedup);
    if (!keys.has(key)) keys.set(key, [rule.id, deviceId, dedup]);
  }
  // One order for everybody who locks several tickets.
  const sorted = [...keys.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, parts]) => parts);
  const column = (i: 0 | 1 | 2) => sorted.map((parts) => parts[i]);
  return (await ask<TicketRow>("newest-tickets", NEWEST_TICKETS, [column(0), column(1), column(2)])).rows;
}

async function writeTickets(ask: Ask, commit: Commit, settled: SettleResult): Promise<void> {
  if (settled.opened.length > 0) {
    const rows = JSON.stringify(settled.opened.map(toTicketRow));
    const ids = new Map<string, number>();
    const inserted = await ask<Pick<TicketRow, "id" | "rule_id" | "device_id" | "dedup_key" | "seq">>(
      "insert-tickets",
      INSERT_TICKETS,
      [commit.partition, rows],
    );
    for (const row of inserted.rows)
      ids.set(`${alarmKey(row.rule_id, row.device_id, row.dedup_key)}\0${row.seq}`, row.id);
    for (const ticket of settled.opened) {
      ticket.id = ids.get(`${alarmKey(ticket.ruleId, ticket.deviceId, ticket.dedup)}\0${ticket.seq}`) ?? 0;
    }
  }
  if (settled.changed.size > 0) {
    await ask("update-tickets", UPDATE_TICKETS, [JSON.stringify([...settled.changed].map(toTicketRow))]);
  }
  if (settled.events.length > 0)
    await ask("insert-events", INSERT_EVENTS, [JSON.stringify(settled.events.map(toEventRow))]);
}

async function writeCounts(
  ask: Ask,
  partition: number,
  settled: SettleResult,
  before: ReadonlyMap<Ticket, string>,
): Promise<void> {
  const deltas = new Map<string, number>();
  const add = (key: string | undefined, n: number) => {
    if (key !== undefined) deltas.set(key, (deltas.get(key) ?? 0) + n);
  };
  for (const ticket of settled.opened) add(`${ticket.severity}/${ticket.status}`, 1);
  for (const ticket of settled.changed) {
    add(before.get(ticket), -1);
    add(`${ticket.severity}/${ticket.status}`, 1);
  }
  const rows = [...deltas.entries()].filter(([, n]) => n !== 0).map(([key, n]) => [...key.split("/"), n] as const);
  if (rows.length === 0) return;
  const column = (i: number) => rows.map((row) => row[i]);
  await ask("add-counts", ADD_COUNTS, [partition, column(0), column(1), column(2)]);
}

async function writeDeadLetters(ask: Ask, commit: Commit): Promise<void> {
  const letters = commit.deadLetters;
  if (letters.length === 0) return;
  await ask("insert-dead-letters", INSERT_DEAD_LETTERS, [
    commit.topic,
    commit.partition,
    letters.map((l) => l.offset),
    letters.map((l) => new Date(l.appendTimeMs).toISOString()),
    letters.map((l) => l.key),
    letters.map((l) => l.value),
    letters.map((l) => JSON.stringify(l.headers)),
    letters.map((l) => l.code),
    letters.map((l) => l.field),
    letters.map((l) => l.message),
  ]);
}

async function writeRuleSetAndSnapshot(ask: Ask, commit: Commit): Promise<void> {
  const key = [commit.group, commit.topic, commit.partition];
  if (commit.activation !== undefined) {
    await ask("insert-activation", INSERT_ACTIVATION, [...key, commit.activation.firstOffset, commit.ruleSetId]);
  }
  if (commit.snapshot !== undefined) {
    const { format, memory } = commit.snapshot;
    await ask("insert-snapshot", INSERT_SNAPSHOT, [...key, commit.nextOffset, format, commit.ruleSetId, memory]);
    await ask("trim-snapshots", TRIM_SNAPSHOTS, key);
  }
}
