// Properties of the fold that hold for every log: where batches are cut, what is delivered again, when memory is saved.
import fc from "fast-check";
import { expect, it } from "vitest";
import { Fold, type FoldMode, type FoldStep, ticketName } from "./fold.ts";

const START_MS = Date.parse("2026-01-05T00:00:00Z");

const RULES = {
  apiVersion: "alertcast/v1",
  rules: [
    { id: "off", severity: "critical", when: 'event.status == "offline"', reopenWithin: "1m" },
    {
      id: "ladder",
      levels: [
        { severity: "high", when: "event.t >= 85", recover: "event.t < 82", for: "20s", reason: "high {event.t}" },
        { severity: "medium", when: "event.t >= 75", recover: "event.t < 72", recoverFor: "30s" },
      ],
    },
    { id: "window", severity: "low", when: "event.t >= 80", count: { events: 3, within: "1m" } },
    { id: "row", severity: "low", when: "event.t >= 70", count: 2, for: "10s", autoResolve: false },
    { id: "port", severity: "medium", when: "event.up == false", dedupKey: ["event.port"] },
    { id: "step", severity: "low", when: "event.t - previous.t > 20" },
  ],
};
/** Without what keeps a set from having the short way: `previous` and a dedup key. */
const PLAIN_RULES = { ...RULES, rules: RULES.rules.filter(({ id }) => id !== "port" && id !== "step") };

/** `port` is gone, `ladder` has other thresholds, `off` only another text. */
const CHANGED = {
  apiVersion: "alertcast/v1",
  rules: [
    { id: "off", severity: "critical", when: 'event.status == "offline"', reopenWithin: "1m", reason: "gone" },
    { id: "ladder", severity: "high", when: "event.t >= 80", recoverFor: "10s" },
  ],
};

const event = fc.record(
  {
    device_id: fc.constantFrom("a", "b", "c"),
    status: fc.constantFrom("online", "offline"),
    t: fc.constantFrom(20, 71, 73, 76, 81, 83, 86, 90, "90"),
    up: fc.boolean(),
    port: fc.constantFrom("eth0", "eth1", null),
    back: fc.constantFrom(0, 0, 0, 5000, 90_000),
    hasTs: fc.boolean(),
  },
  { requiredKeys: ["device_id", "hasTs"] },
);
const log = fc.array(
  fc.record({ gapMs: fc.constantFrom(0, 1, 1000, 7000, 30_000, 400_000), event: fc.option(event, { freq: 8 }) }),
  { minLength: 1, maxLength: 40 },
);

function stepsOf(entries: readonly Drawn[]): FoldStep[] {
  let atMs = START_MS;
  return entries.map(({ gapMs, event: drawn }, offset) => {
    atMs += gapMs;
    const entry = { partition: 0, offset, appendTime: new Date(atMs).toISOString() };
    if (drawn === null) return { entry: { ...entry, tick: true } };
    const { back, hasTs, ...fields } = drawn;
    const ts = hasTs ? { ts: new Date(atMs - (back ?? 0)).toISOString() } : {};
    return { entry: { ...entry, event: { ...fields, ...ts, event_id: `e${offset}` } } };
  });
}

interface Drawn {
  readonly gapMs: number;
  readonly event: { readonly back?: number; readonly hasTs: boolean; readonly [field: string]: unknown } | null;
}

function outcome(steps: readonly FoldStep[], mode: FoldMode, rules: unknown = RULES): unknown {
  const fold = new Fold(rules, 1, mode);
  const rows = steps.flatMap((step) => fold.step(step).rows.map((row) => ({ ...row, ticket: ticketName(row.ticket) })));
  const byTicket = Object.groupBy(rows, (row) => row.ticket);
  return {
    tickets: fold.all.map(({ id: _, ...rest }) => rest).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
    byTicket,
  };
}

function nameOf(ticket: { ruleId: string; deviceId: string; dedup: string; seq: number }): string {
  return JSON.stringify([ticket.ruleId, ticket.deviceId, ticket.dedup, ticket.seq]);
}

const withChange = (steps: FoldStep[], at: number): FoldStep[] => [
  ...steps.slice(0, at % (steps.length + 1)),
  { rules: CHANGED },
  ...steps.slice(at % (steps.length + 1)),
];

it("a log gives the same tickets when every entry is delivered twice", () => {
  fc.assert(
    fc.property(log, fc.nat(), (entries, at) => {
      const steps = withChange(stepsOf(entries), at);
      expect(outcome(steps, { twice: true })).toEqual(outcome(steps, {}));
    }),
    { numRuns: 300, verbose: true },
  );
});

it("a log gives the same tickets when the memory goes through a snapshot after every entry", () => {
  fc.assert(
    fc.property(log, fc.nat(), (entries, at) => {
      const steps = withChange(stepsOf(entries), at);
      expect(outcome(steps, { snapshots: true })).toEqual(outcome(steps, {}));
    }),
    { numRuns: 300, verbose: true },
  );
});

it("a log gives the same tickets when healthy events go their short way", () => {
  fc.assert(
    fc.property(log, fc.nat(), (entries, at) => {
      const steps = withChange(stepsOf(entries), at);
      expect(outcome(steps, { shortWay: true }, PLAIN_RULES)).toEqual(outcome(steps, {}, PLAIN_RULES));
    }),
    { numRuns: 500, verbose: true },
  );
});

it("ticks between the entries change no row, only when it is written", () => {
  fc.assert(
    fc.property(log, (entries) => {
      const plain = stepsOf(entries);
      const ticked = plain.flatMap((step, i): FoldStep[] => {
        const entry = step.entry;
        if (entry === undefined) return [step];
        const moved = { ...entry, offset: 2 * i + 1 };
        const atMs = Date.parse(entry.appendTime) - Math.floor((entries[i]?.gapMs ?? 0) / 2);
        return [
          { entry: { partition: 0, offset: 2 * i, appendTime: new Date(atMs).toISOString(), tick: true } },
          { entry: moved },
        ];
      });
      expect(stripOffsets(outcome(ticked, {}))).toEqual(stripOffsets(outcome(plain, {})));
    }),
    { numRuns: 300, verbose: true },
  );
});

/** Evidence names offsets, which differ when there are more records. */
function stripOffsets(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(/\\"offset\\":\d+/g, ""));
}
