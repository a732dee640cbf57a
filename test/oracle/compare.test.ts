import { describe, expect, test } from "vitest";
import type { DatabaseState } from "./compare.ts";
import { differences } from "./compare.ts";
import { foldLog } from "./fold.ts";
import { LogWriter } from "./logs.ts";
import type { OracleResult } from "./types.ts";

const event = (temperature: number) => ({ device_id: "dev-1", status: "online", temperature });
const log = new LogWriter()
  .add(event(76))
  .add(event(90))
  .add(event(91))
  .add("{", {})
  .add(null)
  .add(event(20))
  .add(event(88));
const oracle = foldLog(log.records, { partitions: 1 });

/** A database that holds exactly what the fold says. */
function goodDatabase(): DatabaseState {
  const { tickets, history, deadLetters, nextOffsets, ticketCounts } = structuredClone(oracle);
  const letters = deadLetters.map((letter) => ({ ...letter, value: letter.value && Buffer.from(letter.value) }));
  return { tickets, history, deadLetters: letters, nextOffsets, ticketCounts, countedTickets: new Map(ticketCounts) };
}

function withTicket(change: Partial<OracleResult["tickets"][number]>): Partial<DatabaseState> {
  return { tickets: goodDatabase().tickets.map((ticket) => ({ ...ticket, ...change })) };
}

function withRow(index: number, change: Partial<OracleResult["history"][number]>): Partial<DatabaseState> {
  return { history: goodDatabase().history.map((row, i) => (i === index ? { ...row, ...change } : row)) };
}

const good = goodDatabase();
const [ticket] = good.tickets;
const [first, second, ...rest] = good.history;
if (ticket === undefined || first === undefined || second === undefined) throw new Error("the log led to no ticket");

const wrong: Record<string, [Partial<DatabaseState>, RegExp[]]> = {
  "a lost ticket": [{ tickets: [] }, [/^ticket temperature\/dev-1#1: missing, entry 0\/6$/]],
  "a ticket too many": [
    { tickets: [ticket, { ...ticket, seq: 2 }] },
    [/^ticket temperature\/dev-1#2: should not be there/],
  ],
  "a ticket twice": [{ tickets: [ticket, ticket] }, [/^ticket temperature\/dev-1#1: 2 rows of it$/]],
  "a wrong status": [withTicket({ status: "acknowledged" }), [/: status: wanted "open", found "acknowledged"$/]],
  "a wrong severity": [withTicket({ severity: "low" }), [/: severity: wanted "high", found "low"$/]],
  "a wrong peak": [withTicket({ peakSeverity: "critical" }), [/: peakSeverity: /]],
  "a wrong reason": [withTicket({ reason: "Temperature high: 90" }), [/: reason: wanted "Temperature high: 88"/]],
  "a wrong opening time": [withTicket({ openedAtMs: ticket.openedAtMs + 1 }), [/: openedAtMs: /]],
  "a resolution that stayed": [withTicket({ resolvedAtMs: 5 }), [/: resolvedAtMs: wanted null, found 5$/]],
  "a wrong first sighting": [withTicket({ firstSeenMs: 5 }), [/: firstSeenMs: /]],
  "a last sighting off by a microsecond": [withTicket({ lastSeenMs: ticket.lastSeenMs + 0.001 }), [/: lastSeenMs: /]],
  "an event counted twice": [withTicket({ occurrences: 5 }), [/: occurrences: wanted 4, found 5$/]],
  "a lost reopening": [withTicket({ reopens: 0 }), [/: reopens: wanted 1, found 0$/]],
  "another opening event": [withTicket({ eventJson: "{}" }), [/: eventJson: /]],
  "other evidence": [withTicket({ evidenceEntry: "0/5" }), [/: evidenceEntry: wanted "0\/6", found "0\/5"$/]],
  "a lost row": [
    { history: [first, second, ...rest.slice(0, -1)] },
    [/^history temperature\/dev-1#1, row 4: missing, reopened at /],
  ],
  "a row too many": [
    { history: [...good.history, first] },
    [/^history temperature\/dev-1#1, row 5: should not be there, opened at /],
  ],
  "rows in the wrong order": [
    { history: [second, first, ...rest] },
    [
      /row 1: type: /,
      /row 1: atMs: /,
      /row 1: from: /,
      /row 1: to: /,
      /row 2: type: /,
      /row 2: atMs: /,
      /row 2: from: /,
      /row 2: to: /,
    ],
  ],
  "a row with a wrong cause": [withRow(0, { cause: "timer" }), [/row 1: cause: wanted "entry", found "timer"$/]],
  "a row with a wrong why": [withRow(2, { why: "human" }), [/row 3: why: /]],
  "a row that should notify": [withRow(1, { notify: false }), [/row 2: notify: wanted true, found false$/]],
  "a row of a ticket that is not there": [
    withRow(3, { seq: 2 }),
    [/#1, row 4: missing/, /#2, row 1: should not be there/],
  ],
  "a drifted count": [
    { ticketCounts: new Map([["high/open", 2]]) },
    [
      /^maintained count high\/open: wanted 1, found 2$/,
      /^maintained count against count\(\*\) high\/open: wanted 1, found 2$/,
    ],
  ],
  "a count that went negative elsewhere": [
    {
      ticketCounts: new Map([
        ["high/open", 1],
        ["low/open", -1],
      ]),
    },
    [/^maintained count low\/open: wanted 0, found -1$/, /against count\(\*\) low\/open/],
  ],
  "rows counted otherwise": [
    { countedTickets: new Map() },
    [/^count\(\*\) high\/open: wanted 1, found 0$/, /against count\(\*\) high\/open: wanted 0, found 1$/],
  ],
  "a lost dead letter": [{ deadLetters: good.deadLetters.slice(1) }, [/^dead letter 0\/3: missing$/]],
  "a dead letter too many": [
    { deadLetters: [...good.deadLetters, { partition: 0, offset: 9, value: null }] },
    [/^dead letter 0\/9: should not be there$/],
  ],
  "a dead letter twice": [
    { deadLetters: [...good.deadLetters, ...good.deadLetters.slice(1)] },
    [/^dead letter 0\/4: 2 rows of it$/],
  ],
  "a dead letter with other bytes": [
    { deadLetters: good.deadLetters.map((letter) => ({ ...letter, value: letter.value && Buffer.from("}") })) },
    [/^dead letter 0\/3: wanted 1 bytes 7b, found 1 bytes 7d$/],
  ],
  "a null value stored as an empty one": [
    { deadLetters: good.deadLetters.map((letter) => ({ ...letter, value: letter.value ?? Buffer.alloc(0) })) },
    [/^dead letter 0\/4: wanted a null value, found 0 bytes $/],
  ],
  "an offset that stayed behind": [
    { nextOffsets: new Map([[0, 6]]) },
    [/^next offset of partition 0: wanted 7, found 6$/],
  ],
  "a partition nobody applied": [{ nextOffsets: new Map() }, [/^next offset of partition 0: wanted 7, found 0$/]],
  "a partition beyond the log": [
    {
      nextOffsets: new Map([
        [0, 7],
        [1, 3],
      ]),
    },
    [/^next offset of partition 1: wanted 0, found 3$/],
  ],
};

describe("a difference is found and named:", () => {
  test.each(Object.entries(wrong))("%s", (_, [change, expected]) => {
    const lines = differences(oracle, { ...goodDatabase(), ...change });
    expect(lines.length, lines.join("\n")).toBe(expected.length);
    for (const [i, line] of lines.entries()) expect(line).toMatch(expected[i] ?? /^$/);
  });
});

test("a database that holds what the fold says has no difference", () => {
  expect(differences(oracle, goodDatabase())).toEqual([]);
});

test("a partition that is claimed but empty is no difference", () => {
  expect(
    differences(oracle, {
      ...goodDatabase(),
      nextOffsets: new Map([
        [0, 7],
        [1, 0],
      ]),
    }),
  ).toEqual([]);
});

test("at most 200 lines are given, the last of which tells how many were left out", () => {
  const many = new LogWriter();
  for (let i = 0; i < 300; i++) many.add({ device_id: `d${i}`, status: "offline" });
  const lines = differences(foldLog(many.records, { partitions: 1 }), { ...goodDatabase(), tickets: [], history: [] });
  expect(lines).toHaveLength(200);
  expect(lines.at(-1)).toMatch(/^and 4\d\d more differences$/);
});
