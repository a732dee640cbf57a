// Writes the SQL of lists: one keyset condition and one index for each combination of filters, nothing that grows with depth.
// Never runs it.
import { SEVERITIES } from "../rule/model.ts";
import { STATUSES } from "./counts.ts";
import { type PageRequest, type Position, PREVIEW_BYTES, SCAN_LIMIT, type TicketFilter } from "./read.ts";

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** RFC 3339 UTC with the column's microseconds. */
export function instant(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS ${column}`;
}

const PLAIN_COLUMNS =
  "id, status, severity, peak_severity, rule_id, device_id, reason, region, labels, runbook, occurrences, reopens";
const TIME_COLUMNS = ["opened_at", "resolved_at", "first_seen", "last_seen", "created_at", "updated_at"];
const STORED_COLUMNS = `${PLAIN_COLUMNS}, ${TIME_COLUMNS.join(", ")}`;

/** A ticket without its evidence and event. */
export const SUMMARY_COLUMNS = `${PLAIN_COLUMNS}, ${TIME_COLUMNS.map(instant).join(", ")}`;

const DEAD_LETTER_COLUMNS = `id, topic, partition, record_offset, ${instant("append_time")},
  substring(key FROM 1 FOR ${PREVIEW_BYTES}) AS key, substring(value FROM 1 FOR ${PREVIEW_BYTES}) AS value,
  octet_length(value) AS value_bytes, code, field, message, ${instant("created_at")}`;
/**
 * What lists are ordered by. Where a filter leads it is written as the filter's indexes have it, so that no other index
 * can give this order (0003_ticket_lists.sql).
 */
const NEWEST_KEY = "created_at";
const FILTER_KEY = "(created_at AT TIME ZONE 'UTC')";
type Key = typeof NEWEST_KEY | typeof FILTER_KEY;

function newestFirst(key: Key): string {
  return `ORDER BY ${key} DESC, id DESC`;
}

/** Collects values and gives out their places ($1, $2, ...). */
function placeholders() {
  const values: unknown[] = [];
  return { values, place: (value: unknown) => `$${values.push(value)}` };
}
type Place = (value: unknown) => string;

function conditions(parts: readonly (string | undefined)[]): string {
  const present = parts.filter((part) => part !== undefined);
  return present.length === 0 ? "" : `WHERE ${present.join(" AND ")}`;
}

/** Row values, not `OR`: only they start in the index where the last page ended. */
function beyond(key: Key, after: Position | undefined, place: Place): string | undefined {
  if (after === undefined) return undefined;
  const time = `${place(after.createdAt)}::timestamptz${key === FILTER_KEY ? " AT TIME ZONE 'UTC'" : ""}`;
  return `(${key}, id) < (${time}, ${place(after.id)}::bigint)`;
}

/** Only words of our own lists get into the text. */
function literals<T extends string>(known: readonly T[], wanted: readonly T[] | undefined): string[] {
  return known.filter((word) => wanted === undefined || wanted.includes(word)).map((word) => `'${word}'`);
}

/**
 * One more row than the page has, to see whether there is a next one. A row has `matches` (is part of the list) and
 * `scan_end` (the scan ends here, because SCAN_LIMIT rows were looked at).
 */
export function listTickets(filter: TicketFilter, page: PageRequest): Statement {
  const { values, place } = placeholders();
  const lead = leadOf(filter, place);
  const key = lead.kind === "all" ? NEWEST_KEY : FILTER_KEY;
  const keyset = beyond(key, page.after, place);
  const limit = `LIMIT ${place(page.limit + 1)}`;
  return { text: selectTickets(lead, keyset, limit), values };
}

function selectTickets(lead: Lead, keyset: string | undefined, limit: string): string {
  const range = (key: Key, where: readonly string[]) =>
    `SELECT ${STORED_COLUMNS}, ${key} AS listed_at FROM ticket ${conditions([...where, keyset])} ${newestFirst(key)}`;
  const outer = (from: string) =>
    `SELECT ${SUMMARY_COLUMNS}, true AS matches, false AS scan_end FROM (${from}) t ORDER BY t.listed_at DESC, t.id DESC ${limit}`;
  switch (lead.kind) {
    case "all":
      return outer(`${range(NEWEST_KEY, [])} ${limit}`);
    case "states":
      return outer(lead.branches.map((branch) => `(${range(FILTER_KEY, [branch])} ${limit})`).join(" UNION ALL "));
    case "range":
      return outer(`${range(FILTER_KEY, lead.where)} ${limit}`);
    case "scan":
      return selectScanned(range(FILTER_KEY, lead.where), lead.rest, limit);
  }
}

/**
 * Rows come out in the order they are numbered in. There is no ORDER BY at the end on purpose: with one, the planner takes
 * it that all SCAN_LIMIT rows will be read and may fetch and sort them first; without, it knows that `limit` ends the walk.
 */
function selectScanned(range: string, rest: string, limit: string): string {
  return `
SELECT ${SUMMARY_COLUMNS}, (${rest}) AS matches, n = ${SCAN_LIMIT} AS scan_end
FROM (
  SELECT *, row_number() OVER (ORDER BY listed_at DESC, id DESC) AS n FROM (${range} LIMIT ${SCAN_LIMIT}) s
) t
WHERE (${rest}) OR n = ${SCAN_LIMIT} ${limit}`;
}

type Lead =
  | { readonly kind: "all" }
  /** (status, severity) pairs: each is a range of ticket_by_state; they are merged. */
  | { readonly kind: "states"; readonly branches: readonly string[] }
  /** One range of another index. */
  | { readonly kind: "range"; readonly where: readonly string[] }
  /** The same, and what is checked on each of its rows, of which at most SCAN_LIMIT are looked at. */
  | { readonly kind: "scan"; readonly where: readonly string[]; readonly rest: string };

/** The index that leads: the filter that leaves the fewest rows. */
function leadOf(filter: TicketFilter, place: Place): Lead {
  const { statuses, severities, device, rule } = filter;
  if (device !== undefined) {
    const where = [`device_id = ${place(device)}`];
    return rangeOrScan(where, [
      rule === undefined ? undefined : `rule_id = ${place(rule)}`,
      ...stateConditions(filter),
    ]);
  }
  if (rule !== undefined) {
    const where = [`rule_id = ${place(rule)}`];
    if (statuses !== undefined && !statuses.includes("resolved")) where.push("status <> 'resolved'");
    return rangeOrScan(where, stateConditions(filter));
  }
  if (statuses === undefined && severities === undefined) return { kind: "all" };
  const branches = literals(STATUSES, statuses).flatMap((status) =>
    literals(SEVERITIES, severities).map((severity) => `status = ${status} AND severity = ${severity}`),
  );
  return { kind: "states", branches };
}

function stateConditions({ statuses, severities }: TicketFilter): (string | undefined)[] {
  return [
    statuses === undefined ? undefined : `status IN (${literals(STATUSES, statuses).join(", ")})`,
    severities === undefined ? undefined : `severity IN (${literals(SEVERITIES, severities).join(", ")})`,
  ];
}

function rangeOrScan(where: readonly string[], others: readonly (string | undefined)[]): Lead {
  const rest = others.filter((other) => other !== undefined);
  return rest.length === 0 ? { kind: "range", where } : { kind: "scan", where, rest: rest.join(" AND ") };
}

/** One more row than the page has, to see whether there is a next one. */
export function listDeadLetters(code: string | undefined, page: PageRequest): Statement {
  const { values, place } = placeholders();
  const key = code === undefined ? NEWEST_KEY : FILTER_KEY;
  const where = conditions([code === undefined ? undefined : `code = ${place(code)}`, beyond(key, page.after, place)]);
  const limit = `LIMIT ${place(page.limit + 1)}`;
  const text = `
SELECT ${DEAD_LETTER_COLUMNS}
FROM (SELECT *, ${key} AS listed_at FROM dead_letter ${where} ${newestFirst(key)} ${limit}) d
ORDER BY d.listed_at DESC, d.id DESC`;
  return { text, values };
}
