// Writes the SQL of lists: one keyset condition and one index for each combination of filters, nothing that grows with depth.
// Never runs it.
import type { Severity } from "../rule/model.ts";
import { SEVERITIES } from "../rule/model.ts";
import { STATUSES } from "./counts.ts";
import { type PageRequest, type Position, SCAN_LIMIT, type TicketFilter } from "./read.ts";
import type { TicketStatus } from "./ticket.ts";

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

const DEAD_LETTER_COLUMNS = `id, topic, partition, record_offset, ${instant("append_time")}, key, value, headers, code, field,
  message, ${instant("created_at")}`;
/** On the stored columns: a bare name would mean the text of the select list. */
const newestFirst = (table: string) => `ORDER BY ${table}.created_at DESC, ${table}.id DESC`;

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
function beyond(after: Position | undefined, place: Place): string | undefined {
  if (after === undefined) return undefined;
  return `(created_at, id) < (${place(after.createdAt)}::timestamptz, ${place(after.id)}::bigint)`;
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
  const keyset = beyond(page.after, place);
  const limit = `LIMIT ${place(page.limit + 1)}`;
  if (lead.kind === "states") return { text: mergedStates(lead.branches, keyset, limit), values };
  if (lead.rest === undefined) {
    const where = conditions([...lead.where, keyset]);
    const text = `SELECT ${SUMMARY_COLUMNS}, true AS matches, false AS scan_end FROM ticket t ${where} ${newestFirst("t")} ${limit}`;
    return { text, values };
  }
  const where = conditions([...lead.where, keyset]);
  const text = `
SELECT ${SUMMARY_COLUMNS}, (${lead.rest}) AS matches, n = ${SCAN_LIMIT} AS scan_end
FROM (
  SELECT ${STORED_COLUMNS}, row_number() OVER (ORDER BY created_at DESC, id DESC) AS n
  FROM ticket ${where} ORDER BY created_at DESC, id DESC LIMIT ${SCAN_LIMIT}
) t
WHERE (${lead.rest}) OR n = ${SCAN_LIMIT} ${newestFirst("t")} ${limit}`;
  return { text, values };
}

type Lead =
  /** (status, severity) pairs: each is a range of ticket_by_state; they are merged. */
  | { readonly kind: "states"; readonly branches: readonly string[] }
  /** One range of another index, and what is checked on each of its rows. */
  | { readonly kind: "range"; readonly where: readonly string[]; readonly rest: string | undefined };

/** The index that leads: the filter that leaves the fewest rows. */
function leadOf(filter: TicketFilter, place: Place): Lead {
  const { statuses, severities, device, rule } = filter;
  const states = [
    statuses === undefined ? undefined : `status IN (${literals<TicketStatus>(STATUSES, statuses).join(", ")})`,
    severities === undefined ? undefined : `severity IN (${literals<Severity>(SEVERITIES, severities).join(", ")})`,
  ];
  const rest = (...more: (string | undefined)[]) => {
    const parts = [...more, ...states].filter((part) => part !== undefined);
    return parts.length === 0 ? undefined : parts.join(" AND ");
  };
  if (device !== undefined) {
    const where = [`device_id = ${place(device)}`];
    return { kind: "range", where, rest: rest(rule === undefined ? undefined : `rule_id = ${place(rule)}`) };
  }
  if (rule !== undefined) {
    const where = [`rule_id = ${place(rule)}`];
    // ticket_unresolved_by_rule; else ticket_by_rule.
    if (statuses !== undefined && !statuses.includes("resolved")) where.push("status <> 'resolved'");
    return { kind: "range", where, rest: rest() };
  }
  if (statuses === undefined && severities === undefined) return { kind: "range", where: [], rest: undefined };
  const branches = literals<TicketStatus>(STATUSES, statuses).flatMap((status) =>
    literals<Severity>(SEVERITIES, severities).map((severity) => `status = ${status} AND severity = ${severity}`),
  );
  return { kind: "states", branches };
}

function mergedStates(branches: readonly string[], keyset: string | undefined, limit: string): string {
  const ranges = branches.map((branch) => `SELECT ${STORED_COLUMNS} FROM ticket ${conditions([branch, keyset])}`);
  return `
SELECT ${SUMMARY_COLUMNS}, true AS matches, false AS scan_end
FROM (
  ${ranges.join("\n  UNION ALL ")}
) t ${newestFirst("t")} ${limit}`;
}

/** One more row than the page has, to see whether there is a next one. */
export function listDeadLetters(code: string | undefined, page: PageRequest): Statement {
  const { values, place } = placeholders();
  const where = conditions([code === undefined ? undefined : `code = ${place(code)}`, beyond(page.after, place)]);
  const limit = place(page.limit + 1);
  return { text: `SELECT ${DEAD_LETTER_COLUMNS} FROM dead_letter d ${where} ${newestFirst("d")} LIMIT ${limit}`, values };
}
