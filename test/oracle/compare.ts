// Reads what the product wrote to PostgreSQL and names every row in which it differs from the reference model.
// Decides nothing about tickets and changes nothing.
import type { ClientBase, Pool, QueryResultRow } from "pg";
import type { DeadLetter, HistoryRow, OracleResult, OracleTicket, Severity, Status } from "./types.ts";

/** What a database holds, in the reference model's shapes. */
export interface DatabaseState {
  readonly tickets: readonly OracleTicket[];
  /** By ticket, then by id. */
  readonly history: readonly HistoryRow[];
  readonly deadLetters: readonly DeadLetter[];
  readonly nextOffsets: ReadonlyMap<number, number>;
  /** The maintained counts, summed over partitions; what is 0 is left out. */
  readonly ticketCounts: ReadonlyMap<string, number>;
  /** The same by counting the ticket rows. */
  readonly countedTickets: ReadonlyMap<string, number>;
}

/** Which of several consumer groups or topics of one database is meant; unset = the only one there is. */
export interface DatabaseScope {
  readonly group?: string;
  readonly topic?: string;
}

const TICKETS = `
  SELECT rule_id AS rule, device_id AS device, dedup_key AS dedup, seq, status, severity, peak_severity AS peak, reason,
    ${ms("opened_at")} AS opened, ${ms("resolved_at")} AS resolved, ${ms("first_seen")} AS first_seen,
    ${ms("last_seen")} AS last_seen, occurrences::float8 AS occurrences, reopens, event_json, evidence
  FROM ticket ORDER BY rule_id, device_id, seq`;
const HISTORY = `
  SELECT t.rule_id AS rule, t.device_id AS device, t.seq, e.type, ${ms("e.at")} AS at, e.cause, e.why,
    e.from_severity, e.to_severity, e.notify
  FROM ticket_event e JOIN ticket t ON t.id = e.ticket_id ORDER BY e.ticket_id, e.id`;
const COUNTS = "SELECT severity, status, sum(n)::float8 AS n FROM ticket_count GROUP BY severity, status";
const COUNTED = "SELECT severity, status, count(*)::float8 AS n FROM ticket GROUP BY severity, status";
const DEAD_LETTERS = `
  SELECT partition, record_offset::float8 AS record_offset, value FROM dead_letter
  WHERE $1::text IS NULL OR topic = $1 ORDER BY partition, record_offset`;
const OFFSETS = `
  SELECT partition, next_offset::float8 AS next_offset FROM partition_state
  WHERE ($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR consumer_group = $2)`;

/** Milliseconds of a time column, with its fraction if it has one. */
function ms(column: string): string {
  return `(extract(epoch FROM ${column}) * 1000)::float8`;
}

/**
 * Reads tickets, history, counts, dead letters and next offsets. Wait until nobody writes before calling it.
 * Throws when several groups or topics are there and `scope` does not say which is meant.
 */
export async function readDatabase(pg: Pool | ClientBase, scope: DatabaseScope = {}): Promise<DatabaseState> {
  const rows = async (sql: string, values: (string | null)[] = []) =>
    (await pg.query<QueryResultRow>(sql, values)).rows;
  const topic = scope.topic ?? null;
  const nextOffsets = new Map<number, number>();
  for (const row of await rows(OFFSETS, [topic, scope.group ?? null])) {
    const partition = Number(row.partition);
    if (nextOffsets.has(partition))
      throw new Error(`several groups or topics have a partition ${partition}: say which`);
    nextOffsets.set(partition, Number(row.next_offset));
  }
  return {
    tickets: (await rows(TICKETS)).map(ticketOf),
    history: (await rows(HISTORY)).map(historyRowOf),
    deadLetters: (await rows(DEAD_LETTERS, [topic])).map((row) => ({
      partition: Number(row.partition),
      offset: Number(row.record_offset),
      value: row.value === null ? null : Buffer.from(row.value),
    })),
    nextOffsets,
    ticketCounts: countsOf(await rows(COUNTS)),
    countedTickets: countsOf(await rows(COUNTED)),
  };
}

function ticketOf(row: QueryResultRow): OracleTicket {
  return {
    rule: String(row.rule),
    device: withDedup(row),
    seq: Number(row.seq),
    status: String(row.status) as Status,
    severity: String(row.severity) as Severity,
    peakSeverity: String(row.peak) as Severity,
    reason: String(row.reason),
    openedAtMs: Number(row.opened),
    resolvedAtMs: row.resolved === null ? null : Number(row.resolved),
    firstSeenMs: Number(row.first_seen),
    lastSeenMs: Number(row.last_seen),
    occurrences: Number(row.occurrences),
    reopens: Number(row.reopens),
    eventJson: String(row.event_json),
    evidenceEntry: evidenceEntryOf(String(row.evidence)),
  };
}

/** No default rule has a dedup key, so a ticket with one must not pass for a ticket of the device. */
function withDedup(row: QueryResultRow): string {
  return row.dedup === "" ? String(row.device) : `${row.device} (dedup key ${row.dedup})`;
}

function historyRowOf(row: QueryResultRow): HistoryRow {
  const text = (value: unknown) => (value === null ? null : String(value));
  return {
    rule: String(row.rule),
    device: String(row.device),
    seq: Number(row.seq),
    type: String(row.type),
    atMs: Number(row.at),
    cause: String(row.cause),
    why: text(row.why),
    from: text(row.from_severity),
    to: text(row.to_severity),
    notify: row.notify === true,
  };
}

/** `partition/offset` of stored evidence: its `entry` as such text or as an object, or the two beside each other. */
function evidenceEntryOf(evidence: string): string {
  const parsed: unknown = JSON.parse(evidence);
  const entry = fieldOf(parsed, "entry") ?? parsed;
  if (typeof entry === "string") return entry;
  return `${String(fieldOf(entry, "partition"))}/${String(fieldOf(entry, "offset"))}`;
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function countsOf(rows: readonly QueryResultRow[]): Map<string, number> {
  const counts = rows.map((row) => [`${row.severity}/${row.status}`, Number(row.n)] as const);
  return new Map(counts.filter(([, n]) => n !== 0));
}

const MOST = 200;

/** What the database has otherwise than the log says, a readable line each, at most 200; [] = it is as it should be. */
export function differences(oracle: OracleResult, database: DatabaseState): string[] {
  const found = [
    ...ticketDifferences(oracle.tickets, database.tickets),
    ...historyDifferences(oracle.history, database.history),
    ...countDifferences("maintained count", oracle.ticketCounts, database.ticketCounts),
    ...countDifferences("count(*)", oracle.ticketCounts, database.countedTickets),
    ...countDifferences("maintained count against count(*)", database.countedTickets, database.ticketCounts),
    ...deadLetterDifferences(oracle.deadLetters, database.deadLetters),
    ...countDifferences("next offset of partition", oracle.nextOffsets, database.nextOffsets),
  ];
  if (found.length <= MOST) return found;
  return [...found.slice(0, MOST - 1), `and ${found.length - MOST + 1} more differences`];
}

function nameOf(row: { rule: string; device: string; seq: number }): string {
  return `${row.rule}/${row.device}#${row.seq}`;
}

function show(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}

/** Groups of both sides by key, in the order the keys were first met. */
function* paired<T>(
  wanted: readonly T[],
  found: readonly T[],
  key: (row: T) => string,
): Generator<{ name: string; wanted: T[]; found: T[] }> {
  const left = Map.groupBy(wanted, key);
  const right = Map.groupBy(found, key);
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    yield { name, wanted: left.get(name) ?? [], found: right.get(name) ?? [] };
  }
}

/** The fields in which two rows of the same kind differ, as `field: wanted 1, found 2`. */
function fieldDifferences(wanted: object, found: object): string[] {
  const right = new Map(Object.entries(found));
  return Object.entries(wanted)
    .filter(([field, value]) => value !== right.get(field))
    .map(([field, value]) => `${field}: wanted ${show(value)}, found ${show(right.get(field))}`);
}

function* ticketDifferences(wanted: readonly OracleTicket[], found: readonly OracleTicket[]): Generator<string> {
  for (const pair of paired(wanted, found, nameOf)) {
    const [left] = pair.wanted;
    const [right] = pair.found;
    if (pair.found.length > 1) yield `ticket ${pair.name}: ${pair.found.length} rows of it`;
    if (left === undefined) yield `ticket ${pair.name}: should not be there, opened ${show(right?.openedAtMs)}`;
    else if (right === undefined) yield `ticket ${pair.name}: missing, entry ${left.evidenceEntry}`;
    else for (const line of fieldDifferences(left, right)) yield `ticket ${pair.name}: ${line}`;
  }
}

function* historyDifferences(wanted: readonly HistoryRow[], found: readonly HistoryRow[]): Generator<string> {
  for (const pair of paired(wanted, found, nameOf)) {
    for (let i = 0; i < Math.max(pair.wanted.length, pair.found.length); i++) {
      const [left, right] = [pair.wanted[i], pair.found[i]];
      const row = `history ${pair.name}, row ${i + 1}`;
      if (left === undefined) yield `${row}: should not be there, ${right?.type} at ${right?.atMs}`;
      else if (right === undefined) yield `${row}: missing, ${left.type} at ${left.atMs}`;
      else for (const line of fieldDifferences(left, right)) yield `${row}: ${line}`;
    }
  }
}

function* countDifferences<K>(
  what: string,
  wanted: ReadonlyMap<K, number>,
  found: ReadonlyMap<K, number>,
): Generator<string> {
  for (const key of new Set([...wanted.keys(), ...found.keys()])) {
    const [left, right] = [wanted.get(key) ?? 0, found.get(key) ?? 0];
    if (left !== right) yield `${what} ${String(key)}: wanted ${left}, found ${right}`;
  }
}

function* deadLetterDifferences(wanted: readonly DeadLetter[], found: readonly DeadLetter[]): Generator<string> {
  const place = (letter: DeadLetter) => `${letter.partition}/${letter.offset}`;
  for (const pair of paired(wanted, found, place)) {
    const [left] = pair.wanted;
    const [right] = pair.found;
    if (pair.found.length > 1) yield `dead letter ${pair.name}: ${pair.found.length} rows of it`;
    if (left === undefined) yield `dead letter ${pair.name}: should not be there`;
    else if (right === undefined) yield `dead letter ${pair.name}: missing`;
    else if (!sameBytes(left.value, right.value)) {
      yield `dead letter ${pair.name}: wanted ${showBytes(left.value)}, found ${showBytes(right.value)}`;
    }
  }
}

function sameBytes(left: Buffer | null, right: Buffer | null): boolean {
  return left === null || right === null ? left === right : left.equals(right);
}

function showBytes(value: Buffer | null): string {
  if (value === null) return "a null value";
  const shown = value.subarray(0, 40).toString("hex");
  return `${value.length} bytes ${shown}${value.length > 40 ? "..." : ""}`;
}
