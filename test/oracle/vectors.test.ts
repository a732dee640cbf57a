// The reference model against the golden vectors in its scope, each entry delivered once and twice.
import { describe, expect, test } from "vitest";
import type { OracleOptions } from "./fold.ts";
import { foldLog } from "./fold.ts";
import type { DumpedRecord, HistoryRow, OracleCounts, OracleResult } from "./types.ts";
import type { ExpectedRow, Vector } from "./vectors.ts";
import { loadVectors, recordOf, scopeOf } from "./vectors.ts";

const COUNTS: Record<string, keyof OracleCounts> = {
  late: "late",
  bad_ts: "badTs",
  quarantined: "quarantined",
  away: "away",
  moved_twice: "movedTwice",
  repeated: "repeated",
};
const TIMES: Record<string, string> = {
  openedAt: "openedAtMs",
  resolvedAt: "resolvedAtMs",
  firstSeen: "firstSeenMs",
  lastSeen: "lastSeenMs",
};
const FIELDS = ["status", "severity", "peakSeverity", "reason", "occurrences", "reopens"];

const vectors = loadVectors().map(({ file, vector }) => ({ file, vector, scoped: scopeOf(vector) }));
const inScope = vectors.flatMap(({ file, vector, scoped }) =>
  "options" in scoped ? [{ title: `${file}: ${vector.name}`, vector, options: scoped.options }] : [],
);
const leftOut = Map.groupBy(
  vectors.flatMap(({ file, vector, scoped }) => ("leftOut" in scoped ? [{ ...scoped, file, name: vector.name }] : [])),
  ({ leftOut: why }) => why,
);

test.skipIf(vectors.length === 0)("enough vectors are in scope, all of the default set among them", () => {
  const lines = [...leftOut].map(
    ([why, group]) => `  ${why}: ${group.map(({ file, name }) => `${file}: ${name}`).join("; ")}`,
  );
  console.info(`${inScope.length} vectors in scope; left out:\n${lines.join("\n")}`);
  expect(inScope.length).toBeGreaterThanOrEqual(35);
  expect(inScope.filter(({ vector }) => vector.rules === "default").length).toBeGreaterThanOrEqual(9);
});

describe.each(inScope)("$title", ({ vector, options }) => {
  test("is what the reference model says", () => {
    check(vector, options, (records) => records);
  });
  test("is the same with each entry delivered twice", () => {
    check(vector, options, (records) => records.flatMap((record) => [record, record]));
  });
  test("is the same with the whole log delivered twice", () => {
    check(vector, options, (records) => [...records, ...records]);
  });
});

function check(vector: Vector, options: OracleOptions, deliver: (records: DumpedRecord[]) => DumpedRecord[]): void {
  const records: DumpedRecord[] = [];
  let result = foldLog([], options);
  vector.steps.forEach((step, index) => {
    const before = result;
    if (step.entry !== undefined) records.push(recordOf(step.entry));
    result = foldLog(deliver(records), options);
    const where = `step ${index}`;
    expect(added(before, result), where).toEqual(byTicket(step.expect?.history ?? []));
    for (const [name, fields] of Object.entries(step.expect?.tickets ?? {})) checkTicket(result, name, fields, where);
  });
  if (vector.ticketCount !== undefined) expect(result.tickets).toHaveLength(vector.ticketCount);
  for (const [name, n] of Object.entries(vector.counts ?? {})) {
    const field = COUNTS[name];
    if (field !== undefined) expect(result.counts[field], name).toBe(n);
  }
}

function nameOf({ rule, device, seq }: { rule: string; device: string; seq: number }): string {
  return `${rule}/${device}#${seq}`;
}

function rowOf(row: HistoryRow): object {
  const { type, cause, notify, why, from, to } = row;
  return { ticket: nameOf(row), type, at: new Date(row.atMs).toISOString(), cause, notify, why, from, to };
}

/** The rows the newer fold has beyond the older one, by ticket. */
function added(older: OracleResult, newer: OracleResult): Map<string, unknown[]> {
  const old = Map.groupBy(older.history, nameOf);
  const rows = [...Map.groupBy(newer.history, nameOf)].map(([name, all]) => {
    const known = old.get(name) ?? [];
    expect(all.slice(0, known.length)).toEqual(known);
    return [name, all.slice(known.length).map(rowOf)] as const;
  });
  return new Map(rows.filter(([, fresh]) => fresh.length > 0).sort());
}

function byTicket(rows: readonly ExpectedRow[]): Map<string, unknown[]> {
  const full = rows.map((row) => ({ why: null, from: null, to: null, ...row, at: new Date(row.at).toISOString() }));
  return new Map([...Map.groupBy(full, (row) => row.ticket)].sort());
}

function checkTicket(
  result: OracleResult,
  name: string,
  fields: Readonly<Record<string, unknown>> | null,
  where: string,
) {
  const ticket = result.tickets.find((candidate) => nameOf(candidate) === name);
  if (fields === null) {
    expect(ticket, `${where}, ${name}`).toBeUndefined();
    return;
  }
  const wanted: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(fields)) {
    const time = TIMES[field];
    if (time !== undefined) wanted[time] = typeof value === "string" ? Date.parse(value) : value;
    else if (FIELDS.includes(field)) wanted[field] = value;
    else if (field === "evidence") wanted.evidenceEntry = (value as { entry?: string }).entry ?? expect.anything();
  }
  expect(ticket, `${where}, ${name}`).toMatchObject(wanted);
}
