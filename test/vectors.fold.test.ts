// The golden vectors of kind fold, through the product's own detect and settle.
import { describe, expect, it } from "vitest";
import type { Ticket, TicketEvent } from "../pkg/ticket/ticket.ts";
import { Fold, type FoldMode, type FoldStep, ticketName } from "./fold.ts";
import { NOT_COVERED } from "./not-covered.ts";
import { loadVectorFile, loadVectors, type Vector } from "./vectors.ts";

const FILES = [
  "default-set.json",
  "detection.json",
  "evidence.json",
  "lifecycle.json",
  "notifications.json",
  "people.json",
  "rule-changes.json",
  "time.json",
  "unknown.json",
];

const MODES: readonly (readonly [string, FoldMode])[] = [
  ["as it is", {}],
  ["with each entry delivered twice", { twice: true }],
  ["with the memory through a snapshot after each step", { snapshots: true }],
  ["with healthy events by their short way", { shortWay: true }],
];

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
const instant = (value: unknown) => (typeof value === "string" ? new Date(value).toISOString() : value);

function rowOf(event: TicketEvent): Record<string, unknown> {
  const row: Record<string, unknown> = {
    ticket: ticketName(event.ticket),
    type: event.type,
    at: iso(event.atMs),
    cause: event.cause,
    notify: event.notify,
  };
  for (const key of ["why", "from", "to", "by"] as const) if (event[key] !== null) row[key] = event[key];
  return row;
}

function fieldsOf(ticket: Ticket): Record<string, unknown> {
  const evidence = JSON.parse(ticket.evidence);
  return {
    status: ticket.status,
    severity: ticket.severity,
    peakSeverity: ticket.peakSeverity,
    reason: ticket.reason,
    openedAt: iso(ticket.openedAtMs),
    resolvedAt: iso(ticket.resolvedAtMs),
    firstSeen: iso(ticket.firstSeenMs),
    lastSeen: iso(ticket.lastSeenMs),
    occurrences: ticket.occurrences,
    reopens: ticket.reopens,
    flapping: false,
    assignee: null,
    acknowledgedBy: null,
    openedUnder: ticket.openedUnder,
    version: ticket.ruleVersion,
    labels: ticket.labels,
    runbook: ticket.runbook,
    evidence: {
      entry: `${evidence.entry.partition}/${evidence.entry.offset}`,
      level: evidence.level,
      values: evidence.values,
      eventId: evidence.event_id,
      traceId: evidence.trace_id,
    },
  };
}

const TIMES = new Set(["openedAt", "resolvedAt", "firstSeen", "lastSeen"]);

function checkTicket(name: string, ticket: Ticket | undefined, wanted: Record<string, unknown> | null): void {
  if (wanted === null) {
    expect(ticket, `${name} must not exist`).toBeUndefined();
    return;
  }
  expect(ticket, `${name} must exist`).toBeDefined();
  if (ticket === undefined) return;
  const found = fieldsOf(ticket);
  for (const [field, value] of Object.entries(wanted)) {
    const want = TIMES.has(field) ? instant(value) : value;
    if (field === "evidence") expect(found.evidence, `${name} evidence`).toMatchObject(Object(want));
    else expect(found[field], `${name} ${field}`).toEqual(want);
  }
}

/** Rows grouped by ticket: order counts within a ticket, not between tickets. */
function grouped(rows: readonly Record<string, unknown>[]): Record<string, unknown[]> {
  const groups: Record<string, unknown[]> = {};
  for (const row of rows) {
    const key = String(row.ticket);
    groups[key] = [...(groups[key] ?? []), { ...row, at: instant(row.at) }];
  }
  return groups;
}

function run(vector: Vector, defaults: unknown, mode: FoldMode): void {
  const rules = vector.rules === "default" ? defaults : vector.rules;
  const fold = new Fold(rules, typeof vector.partitions === "number" ? vector.partitions : 1, mode);
  (vector.steps as FoldStep[]).forEach((step, i) => {
    const { rows, refused } = fold.step(step.rules === "default" ? { ...step, rules: defaults } : step);
    expect(refused, `step ${i} refused`).toBe(step.expect?.refused ?? false);
    expect(grouped(rows.map(rowOf)), `step ${i} history`).toEqual(grouped(step.expect?.history ?? []));
    for (const [name, wanted] of Object.entries(step.expect?.tickets ?? {})) {
      checkTicket(
        name,
        fold.all.find((ticket) => ticketName(ticket) === name),
        wanted,
      );
    }
  });
  if (vector.ticketCount !== undefined) expect(fold.all.length, "ticketCount").toBe(vector.ticketCount);
  for (const [name, n] of Object.entries((vector.counts ?? {}) as Record<string, number>)) {
    expect(fold.count(name), name).toBe(n);
  }
}

const defaults = loadVectorFile("default-rules.json");

for (const file of FILES) {
  const vectors = (loadVectors(file) ?? []).filter((v) => v.kind === undefined || v.kind === "fold");
  const skipped = NOT_COVERED[file] ?? {};
  describe.skipIf(vectors.length === 0)(file, () => {
    for (const vector of vectors) {
      const clause = skipped[vector.name];
      if (clause !== undefined) {
        it.skip(`${vector.name} [${clause}]`);
        continue;
      }
      for (const [how, mode] of MODES) it(`${vector.name}, ${how}`, () => run(vector, defaults, mode));
    }
    it("every vector listed as not covered exists and still does not pass, so that the list only shrinks", () => {
      for (const name of Object.keys(skipped)) {
        const vector = vectors.find((v) => v.name === name);
        expect(vector, name).toBeDefined();
        if (vector !== undefined)
          expect(() => run(vector, defaults, {}), `${name} passes: take it off the list`).toThrow();
      }
    });
  });
}
