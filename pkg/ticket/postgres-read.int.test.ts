import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { insertTickets, type MigratedDatabase, migratedDatabase, resolveTickets } from "../../test/tickets.ts";
import { totalOf } from "./counts.ts";
import { listTickets } from "./postgres-list.ts";
import { postgresReader } from "./postgres-read.ts";
import { HISTORY_LIMIT, type Position, SCAN_LIMIT, type TicketFilter } from "./read.ts";

let database: MigratedDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await migratedDatabase();
  pool = database.pool;
});
afterAll(() => database[Symbol.asyncDispose]());

/** Every id of a list, page by page; `between` runs after each page. */
async function walk(
  on: pg.Pool,
  filter: TicketFilter,
  limit: number,
  between: (page: number) => Promise<void> = async () => undefined,
) {
  const ids: number[] = [];
  let after: Position | undefined;
  for (let n = 0; ; n++) {
    const page = await postgresReader(on).list(filter, { limit, ...(after !== undefined && { after }) });
    ids.push(...page.items.map(({ id }) => id));
    if (page.next === undefined) return ids;
    after = page.next;
    await between(n);
  }
}

describe("what is read", () => {
  test("an empty database has empty lists, no ticket and zero counts", async () => {
    await using empty = await migratedDatabase();
    const reader = postgresReader(empty.pool);
    expect(await reader.recent(50)).toEqual([]);
    expect(await reader.list({}, { limit: 50 })).toEqual({ items: [] });
    expect(await reader.get(1)).toBeUndefined();
    expect(await reader.deadLetters({}, { limit: 50 })).toEqual({ items: [] });
    const { counts, version } = await reader.counts();
    expect([version, totalOf(counts, "critical")]).toEqual([0, 0]);
  });

  test("times keep their microseconds and the event its letters", async () => {
    const eventJson = '{ "device_id":"d\\u0000", "temperature": 91.20 }';
    const [id = 0] = await insertTickets(pool, [
      { createdAt: "2026-01-01T00:00:00.123456Z", eventJson, severity: "high", device: "µ-1" },
    ]);
    const ticket = await postgresReader(pool).get(id);
    expect(ticket).toMatchObject({
      id,
      deviceId: "µ-1",
      eventJson,
      createdAt: "2026-01-01T00:00:00.123456Z",
      labels: { site: "a" },
    });
    expect(ticket?.evidence.values).toEqual({ "event.temperature": 91.2 });
  });

  test("a history is read oldest first, and its newest part when it is very long", async () => {
    const [id = 0] = await insertTickets(pool, [{}]);
    const add = `INSERT INTO ticket_event (ticket_id, at, type, cause, notify, rule_version, evidence)
      SELECT $1, now(), 'recurred', 'entry', false, 'v', CASE WHEN i = 1 THEN '{"level":"high"}' END FROM generate_series($2::int, $3::int) i`;
    await pool.query(add, [id, 1, 3]);
    const short = await postgresReader(pool).get(id);
    expect(short?.history.map(({ evidence }) => evidence?.level)).toEqual(["high", undefined, undefined]);
    expect(short?.historyTruncated).toBe(false);
    await pool.query(add, [id, 4, HISTORY_LIMIT + 1]);
    const long = await postgresReader(pool).get(id);
    expect([long?.history.length, long?.historyTruncated]).toEqual([HISTORY_LIMIT, true]);
    expect(long?.history[0]?.id).toBeLessThan(long?.history.at(-1)?.id ?? 0);
    expect(long?.history.some(({ evidence }) => evidence !== null)).toBe(false);
  });

  test("counts and their version grow together and tell the installation", async () => {
    const reader = postgresReader(pool);
    const before = await reader.counts();
    const ids = await insertTickets(pool, [{ severity: "low" }, { severity: "low" }]);
    const opened = await reader.counts();
    await resolveTickets(pool, ids);
    const resolved = await reader.counts();
    expect(opened.counts.low.open - before.counts.low.open).toBe(2);
    expect(resolved.counts.low.resolved - before.counts.low.resolved).toBe(2);
    expect(opened.version).toBeGreaterThan(before.version);
    expect(resolved.version).toBeGreaterThan(opened.version);
    expect(resolved.installationId).toBe(before.installationId);
    expect(before.installationId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("dead letters page by code, their bytes cut to a preview", async () => {
    const insert = `INSERT INTO dead_letter (topic, partition, record_offset, append_time, value, headers, code, field, message)
      SELECT 't', 0, i, now(), CASE WHEN i = 0 THEN decode(repeat('ff', 20000), 'hex') WHEN i = 1 THEN NULL ELSE 'x'::bytea END, '{}',
        CASE WHEN i % 2 = 0 THEN 'invalid-json' ELSE 'too-deep' END, '', 'm' FROM generate_series(0, 9) i`;
    await pool.query(insert);
    const reader = postgresReader(pool);
    const first = await reader.deadLetters({ code: "invalid-json" }, { limit: 3 });
    const rest = await reader.deadLetters(
      { code: "invalid-json" },
      { limit: 3, ...(first.next && { after: first.next }) },
    );
    expect([...first.items, ...rest.items].map(({ offset }) => offset)).toEqual([8, 6, 4, 2, 0]);
    expect(rest.next).toBeUndefined();
    expect(rest.items.at(-1)).toMatchObject({ valueBytes: 20_000 });
    expect(rest.items.at(-1)?.value?.length).toBe(16_384);
    const all = await reader.deadLetters({}, { limit: 500 });
    expect(all.items.map(({ offset }) => offset)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(all.items.at(-2)).toMatchObject({ value: null, valueBytes: null });
    expect(await reader.deadLettersStored()).toBe(10);
  });
});

describe("G1: pages inside one microsecond", () => {
  const ids: number[] = [];
  let own: MigratedDatabase;

  beforeAll(async () => {
    own = await migratedDatabase();
    const severities = ["critical", "high", "medium", "low"] as const;
    const make = (createdAt: (n: number) => string) =>
      Array.from({ length: 500 }, (_, n) => ({
        createdAt: createdAt(n),
        severity: severities[n % 4] ?? "low",
        status: n % 3 === 0 ? ("resolved" as const) : ("open" as const),
        device: `g1-${n % 2}`,
        rule: `g1-${n % 5}`,
      }));
    // One transaction's tickets share one instant; then 3 ms in steps of 6 µs.
    ids.push(
      ...(await insertTickets(
        own.pool,
        make(() => "2026-01-01T00:00:00.000001Z"),
      )),
    );
    ids.push(
      ...(await insertTickets(
        own.pool,
        make((n) => `2026-01-01T00:00:00.${String(1_000 + n * 6).padStart(6, "0")}Z`),
      )),
    );
  });
  afterAll(() => own[Symbol.asyncDispose]());

  test.each([1, 7, 100])(
    "pages of %i show each of a thousand once and in one order while others open and resolve",
    async (limit) => {
      let current = own.newPool();
      const others: number[] = [];
      const seen = await walk(current, {}, limit, async (page) => {
        if (page % 10 === 0) others.push(...(await insertTickets(own.pool, [{ device: `g1-new-${limit}` }])));
        if (page % 20 === 0) await resolveTickets(own.pool, others.splice(0));
        // A restart in the middle: the place is all that is carried over.
        if (page === 5) current = own.newPool();
      });
      const ours = new Set(ids);
      expect(seen.filter((id) => ours.has(id))).toEqual(ids.toReversed());
      expect(new Set(seen).size).toBe(seen.length);
    },
  );

  test.each([
    { device: "g1-1" },
    { rule: "g1-3" },
    { severities: ["high", "low"] },
    { statuses: ["open", "resolved"], severities: ["critical", "medium"] },
    { device: "g1-0", severities: ["critical"] },
    { rule: "g1-2", statuses: ["open"] },
    { rule: "g1-2", device: "g1-0", statuses: ["resolved"] },
  ] as TicketFilter[])("%o pages show what one page shows", async (filter) => {
    const whole = await postgresReader(own.pool).list(filter, { limit: 1_000 });
    expect(whole.items.length).toBeGreaterThan(10);
    const shown = whole.items.map(({ id }) => id);
    expect(shown).toEqual(shown.toSorted((a, b) => b - a));
    expect(await walk(own.pool, filter, 7)).toEqual(shown);
  });
});

describe("lists of 50,000 tickets", () => {
  // The oldest 15,000 have a rule and a device that no newer ones have: a walk down ticket_newest would pass over all those.
  const DEEP: Position = { createdAt: "2026-01-01T00:00:00.150000Z", id: 25_001 };
  let large: MigratedDatabase;

  beforeAll(async () => {
    large = await migratedDatabase();
    await insertTickets(large.pool, [{ createdAt: "2025-01-01T00:00:00Z", rule: "none" }]);
    await large.pool.query(`
      INSERT INTO ticket (partition, rule_id, device_id, dedup_key, seq, status, severity, peak_severity, reason, labels, opened_at,
        first_seen, last_seen, occurrences, reopens, alarm_on, run_notified, opened_under, rule_version, evidence, event_json, created_at)
      SELECT 0, CASE WHEN i < 15000 THEN 'old' WHEN i = 15001 THEN 'needle' ELSE 'rule-' || i % 5 END,
        CASE WHEN i < 15000 THEN 'old' WHEN i % 5 > 0 THEN 'busy' ELSE 'dev-' || i % 20 END, '[-' || i || ']', 1, CASE i % 10 WHEN 0 THEN 'open' WHEN 1 THEN 'acknowledged' ELSE 'resolved' END,
        (ARRAY['critical', 'high', 'medium', 'low'])[1 + i / 10 % 4], 'low', 'because', '{}', now(), now(), now(), 1, 0, true, true, 0,
        'v', '{}', '{}', '2026-01-01T00:00:00Z'::timestamptz + i * interval '6 microseconds'
      FROM generate_series(1, 50000) i`);
    await large.pool.query("VACUUM ANALYZE ticket");
  });
  afterAll(() => large[Symbol.asyncDispose]());

  async function planOf(filter: TicketFilter, after?: Position) {
    const { text, values } = listTickets(filter, { limit: 50, ...(after !== undefined && { after }) });
    const { rows } = await large.pool.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, [...values]);
    const nodes: { type: string; index: string | undefined; rows: number }[] = [];
    const visit = (node: PlanNode) => {
      const looked = (node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0)) * node["Actual Loops"];
      nodes.push({ type: node["Node Type"], index: node["Index Name"], rows: looked });
      for (const child of node.Plans ?? []) visit(child);
    };
    visit(rows[0]["QUERY PLAN"][0].Plan);
    return nodes;
  }

  test.each([
    ["ticket_newest", {}],
    ["ticket_by_state", { statuses: ["resolved"] }],
    ["ticket_by_state", { statuses: ["open", "acknowledged"] }],
    ["ticket_by_state", { severities: ["high"] }],
    ["ticket_by_state", { severities: ["critical", "high"], statuses: ["open", "resolved"] }],
    ["ticket_by_device", { device: "old" }],
    ["ticket_by_device", { device: "dev-5" }],
    ["ticket_by_rule", { rule: "old" }],
    ["ticket_by_rule", { rule: "rule-3" }],
  ] as [string, TicketFilter][])(
    "%s serves %o at the top and at depth: no sort, no more rows than the page has",
    async (index, filter) => {
      for (const after of [undefined, DEEP]) {
        const nodes = await planOf(filter, after);
        expect([...new Set(nodes.flatMap((node) => node.index ?? []))]).toEqual([index]);
        expect(nodes.filter(({ type }) => /Sort|Seq Scan|Bitmap/.test(type))).toEqual([]);
        const branches = nodes.filter((node) => node.index !== undefined);
        expect(branches.reduce((sum, node) => sum + node.rows, 0)).toBeLessThanOrEqual(51 + branches.length);
      }
    },
  );

  test.each([
    ["ticket_by_device", { device: "old", severities: ["low"] }],
    ["ticket_by_device", { device: "busy", rule: "rule-2" }],
    ["ticket_by_rule", { rule: "rule-3", statuses: ["resolved"] }],
    ["ticket_unresolved_by_rule", { rule: "rule-1", statuses: ["open", "acknowledged"] }],
  ] as [string, TicketFilter][])("%s leads for %o, and at most the scan limit is looked at", async (index, filter) => {
    for (const after of [undefined, DEEP]) {
      const nodes = await planOf(filter, after);
      expect([...new Set(nodes.flatMap((node) => node.index ?? []))]).toEqual([index]);
      expect(nodes.filter(({ type }) => /Sort|Seq Scan|Bitmap/.test(type))).toEqual([]);
      expect(Math.max(...nodes.map((node) => node.rows))).toBeLessThanOrEqual(SCAN_LIMIT);
    }
  });

  test("a filter that matches nothing near ends its page at the scan limit, and the walk still finds everything", async () => {
    const filter = { device: "busy", rule: "needle" };
    const reader = postgresReader(large.pool);
    const first = await reader.list(filter, { limit: 10 });
    const scannedUntil = "2026-01-01T00:00:00.150006Z";
    expect(first).toEqual({ items: [], next: { createdAt: scannedUntil, id: expect.any(Number) }, scannedUntil });
    const pages: number[] = [];
    const found = await walk(large.pool, filter, 10, async (page) => void pages.push(page));
    expect([found.length, pages.length]).toEqual([1, 1]);
  });
});

interface PlanNode {
  readonly "Node Type": string;
  readonly "Index Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly PlanNode[];
}
