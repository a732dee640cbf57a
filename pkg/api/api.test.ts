import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { LiveCounts, LiveReading } from "../count/counts.ts";
import { AlertCastError } from "../errors.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { createMetrics } from "../telemetry/catalogue.ts";
import { createLogger } from "../telemetry/logger.ts";
import { countsOf } from "../ticket/counts.ts";
import type {
  DeadLetterRow,
  Page,
  PageRequest,
  RecentTicket,
  TicketDetail,
  TicketFilter,
  TicketReader,
  TicketSummary,
} from "../ticket/read.ts";
import { createApi } from "./api.ts";

const SUMMARY: TicketSummary = {
  id: 17,
  status: "open",
  severity: "high",
  peakSeverity: "critical",
  ruleId: "too-hot",
  deviceId: "dev-1",
  reason: "Temperature 91.2",
  region: null,
  labels: { site: "a" },
  runbook: null,
  occurrences: 3,
  reopens: 0,
  openedAt: "2026-01-01T00:00:00.000000Z",
  resolvedAt: null,
  firstSeen: "2026-01-01T00:00:00.000000Z",
  lastSeen: "2026-01-01T00:00:05.000000Z",
  createdAt: "2026-01-01T00:00:00.123456Z",
  updatedAt: "2026-01-01T00:00:05.123456Z",
};
const EVENT_JSON = '{"device_id":"dev-1","status":"online","temperature":91.20,"id":12345678901234567890}';
const RECENT: RecentTicket = { ...SUMMARY, eventJson: EVENT_JSON };
const EVIDENCE: TicketDetail["evidence"] = {
  rule_version: "v1",
  level: "high",
  values: { "event.temperature": 91.2 },
  entry: { topic: "device_events", partition: 0, offset: 7, append_time: "2026-01-01T00:00:00.000Z" },
  event_id: null,
  event_time: "2026-01-01T00:00:00.000Z",
  trace_id: null,
  since: null,
  due: null,
};
const DETAIL: TicketDetail = {
  ...RECENT,
  dedup: ["x"],
  seq: 1,
  alarmOn: true,
  ruleVersion: "v1",
  evidence: EVIDENCE,
  history: [
    {
      id: 5,
      at: SUMMARY.openedAt,
      type: "opened",
      cause: "entry",
      why: null,
      from: null,
      to: "high",
      by: null,
      ruleVersion: "v1",
      evidence: EVIDENCE,
      createdAt: SUMMARY.createdAt,
    },
  ],
  historyTruncated: false,
};
const LETTER: DeadLetterRow = {
  id: 3,
  topic: "device_events",
  partition: 1,
  offset: 9,
  appendTime: "2026-01-01T00:00:00.000000Z",
  key: null,
  value: Buffer.from("{grün"),
  valueBytes: 6,
  code: "invalid-json",
  field: "",
  message: "not JSON",
  createdAt: "2026-01-01T00:00:00.000001Z",
};

class FakeWorld implements TicketReader, LiveCounts {
  page: Page<TicketSummary> = { items: [SUMMARY] };
  letters: Page<DeadLetterRow> = { items: [LETTER] };
  source: LiveCounts["source"] = "redis";
  reading: LiveReading | "away" | undefined = undefined;
  databaseAway = false;
  readonly asked: { limit?: number; filter?: TicketFilter | { code?: string }; page?: PageRequest }[] = [];

  #guard() {
    if (this.databaseAway) throw new AlertCastError("unavailable", "PostgreSQL does not answer (ECONNREFUSED)");
  }
  async recent(limit: number) {
    this.#guard();
    this.asked.push({ limit });
    return [RECENT];
  }
  async list(filter: TicketFilter, page: PageRequest) {
    this.#guard();
    this.asked.push({ filter, page });
    return this.page;
  }
  async get(id: number) {
    return id === 17 ? DETAIL : undefined;
  }
  async deadLetters(filter: { code?: string }, page: PageRequest) {
    this.asked.push({ filter, page });
    return this.letters;
  }
  async deadLettersStored() {
    return 0;
  }
  async counts() {
    this.#guard();
    return {
      installationId: "one",
      version: 1,
      counts: countsOf((severity, status) => (severity === "low" ? 0 : status === "open" ? 2 : 1)),
    };
  }
  async read() {
    if (this.reading === "away") throw new AlertCastError("unavailable", "Redis does not answer");
    return this.reading;
  }
  async write() {
    return true;
  }
}

let world = new FakeWorld();
let server: HttpServer;
const metrics = createMetrics("api", { processMetrics: false });

beforeAll(async () => {
  // Each test has a world of its own behind the same server.
  const reader: TicketReader = {
    recent: (limit) => world.recent(limit),
    list: (filter, page) => world.list(filter, page),
    get: (id) => world.get(id),
    deadLetters: (filter, page) => world.deadLetters(filter, page),
    deadLettersStored: () => world.deadLettersStored(),
    counts: () => world.counts(),
  };
  const live: LiveCounts = {
    get source() {
      return world.source;
    },
    read: () => world.read(),
    write: () => world.write(),
  };
  const logger = createLogger({ component: "test", level: "silent" });
  const now = () => new Date("2026-01-01T00:00:00.000Z");
  const app = createApi({ reader, live, metrics, logger, ready: {}, now });
  server = await startHttpServer({ handler: app.callback(), port: 0, host: "127.0.0.1" });
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  world = new FakeWorld();
});

const ask = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server.port}${path}`, init);

async function faults(path: string): Promise<unknown> {
  const answer = await ask(path);
  expect(answer.status).toBe(400);
  expect(answer.headers.get("content-type")).toContain("application/problem+json");
  const { errors } = (await answer.json()) as { errors: { field: string; code: string }[] };
  return errors.map(({ field, code }) => [field, code]);
}

describe("the original's routes", () => {
  test("/health has the original's bytes", async () => {
    const answer = await ask("/health");
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(await answer.text()).toBe('{"status":"ok","time":"2026-01-01T00:00:00.000Z"}');
  });

  test("/tickets/recent begins each ticket with the original's six fields, the event as it was sent", async () => {
    const answer = await ask("/tickets/recent");
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(await answer.text()).toBe(
      `[{"id":17,"device_id":"dev-1","severity":"high","reason":"Temperature 91.2","event_json":${JSON.stringify(EVENT_JSON)},` +
        '"created_at":"2026-01-01T00:00:00.123456Z","status":"open","rule_id":"too-hot","region":null,"occurrences":3,' +
        '"last_seen":"2026-01-01T00:00:05.000000Z","resolved_at":null}]',
    );
    expect(world.asked).toEqual([{ limit: 50 }]);
  });

  test("/tickets/recent takes limits from 1 to 500 and ignores what the original ignored", async () => {
    for (const limit of ["1", "500", "007"]) expect((await ask(`/tickets/recent?limit=${limit}&_=1`)).status).toBe(200);
    expect(world.asked.map(({ limit }) => limit)).toEqual([1, 500, 7]);
    for (const limit of ["0", "501", "-1", "1.5", "abc", "", "1e2", "%00", "٣"]) {
      expect(await faults(`/tickets/recent?limit=${encodeURIComponent(limit)}`)).toEqual([["limit", "bad-value"]]);
    }
    expect(await faults("/tickets/recent?limit=1&limit=2")).toEqual([["limit", "repeated-parameter"]]);
  });

  test("/stats has the original's bytes whatever its source, and the source in headers", async () => {
    const counts = countsOf((severity, status) => (severity === "critical" && status === "open" ? 4 : 0));
    world.reading = { installationId: "one", version: 1, counts, ageMs: 9_999 };
    const fresh = await ask("/stats");
    expect(await fresh.text()).toBe('{"critical":4,"high":0,"medium":0,"low":0}');
    expect(fresh.headers.get("alertcast-stats-source")).toBe("redis");
    expect(fresh.headers.get("alertcast-stats-age")).toBe("9");
  });

  test("/stats names the live counters it has: a single process has no Redis", async () => {
    world.source = "memory";
    world.reading = { installationId: "one", version: 1, counts: countsOf(() => 1), ageMs: 0 };
    expect((await ask("/stats")).headers.get("alertcast-stats-source")).toBe("memory");
    const text = await (await ask("/metrics")).text();
    expect(text).toMatch(/alertcast_stats_served_total\{source="memory"\} \d/);
  });

  test.each([
    ["empty", undefined],
    ["away", "away" as const],
    ["stale", { installationId: "one", version: 1, counts: countsOf(() => 99), ageMs: 10_001 }],
  ])("/stats comes from PostgreSQL while Redis is %s", async (_, reading) => {
    world.reading = reading;
    const answer = await ask("/stats");
    expect(await answer.text()).toBe('{"critical":4,"high":4,"medium":4,"low":0}');
    expect(answer.headers.get("alertcast-stats-source")).toBe("postgres");
    expect(answer.headers.get("alertcast-stats-age")).toBe("0");
  });

  test("/stats is unavailable, with a time to try again, when neither can tell", async () => {
    world.databaseAway = true;
    const answer = await ask("/stats");
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).not.toBeNull();
  });
});

describe("lists", () => {
  test("filters arrive at the reader, each value once and in one order", async () => {
    await ask("/api/v1/tickets?status=resolved,open,open&severity=high,critical&device=dev%201&rule=too+hot&limit=7");
    expect(world.asked).toEqual([
      {
        filter: { statuses: ["open", "resolved"], severities: ["high", "critical"], device: "dev 1", rule: "too hot" },
        page: { limit: 7 },
      },
    ]);
  });

  test("ids are strings, and the last page has no next", async () => {
    const answer = await ask("/api/v1/tickets");
    expect(answer.headers.get("link")).toBeNull();
    expect(await answer.json()).toMatchObject({
      items: [{ id: "17", created_at: "2026-01-01T00:00:00.123456Z" }],
      next: null,
    });
  });

  test("next keeps the filter and the limit, is also a Link, and leads to the place the reader named", async () => {
    world.page = {
      items: [SUMMARY],
      next: { createdAt: "2026-01-01T00:00:00.123456Z", id: 17 },
      scannedUntil: "2026-01-01T00:00:00.123456Z",
    };
    const answer = await ask("/api/v1/tickets?limit=1&severity=high&device=a%26b");
    const body = (await answer.json()) as { next: string; scanned_until: string };
    expect(body.scanned_until).toBe("2026-01-01T00:00:00.123456Z");
    expect(answer.headers.get("link")).toBe(`<${body.next}>; rel="next"`);
    expect((await ask(body.next)).status).toBe(200);
    expect(world.asked[1]).toEqual({
      filter: { severities: ["high"], device: "a&b" },
      page: { limit: 1, after: { createdAt: "2026-01-01T00:00:00.123456Z", id: 17 } },
    });
  });

  test("a cursor is good for another limit and another way to write the same filter, not for another filter or list", async () => {
    world.page = { items: [SUMMARY], next: { createdAt: "2026-01-01T00:00:00.123456Z", id: 17 } };
    world.letters = { items: [], next: { createdAt: "2026-01-01T00:00:00.123456Z", id: 17 } };
    const { next } = (await (await ask("/api/v1/tickets?severity=high,critical")).json()) as { next: string };
    const cursor = new URL(next, "http://a").searchParams.get("cursor") ?? "";
    expect((await ask(`/api/v1/tickets?severity=critical,high&limit=3&cursor=${cursor}`)).status).toBe(200);
    expect(await faults(`/api/v1/tickets?severity=critical&cursor=${cursor}`)).toEqual([["cursor", "cursor-mismatch"]]);
    expect(await faults(`/api/v1/tickets?cursor=${cursor}`)).toEqual([["cursor", "cursor-mismatch"]]);
    expect(await faults(`/api/v1/dead-letters?cursor=${cursor}`)).toEqual([["cursor", "cursor-mismatch"]]);
    expect(await faults(`/api/v1/tickets?severity=critical,high&cursor=${cursor.slice(0, -2)}AA`)).toEqual([
      ["cursor", "bad-value"],
    ]);
  });

  test.each([
    ["?colour=red", [["colour", "unknown-parameter"]]],
    ["?status=open&status=open", [["status", "repeated-parameter"]]],
    [
      "?status=closed&severity=urgent",
      [
        ["status", "bad-value"],
        ["severity", "bad-value"],
      ],
    ],
    ["?status=", [["status", "bad-value"]]],
    ["?status=open,", [["status", "bad-value"]]],
    ["?device=", [["device", "bad-value"]]],
    ["?device=a%00b", [["device", "bad-encoding"]]],
    ["?device=%ED%A0%80", [["device", "bad-encoding"]]],
    ["?device=%ff", [["device", "bad-encoding"]]],
    ["?device=%", [["device", "bad-encoding"]]],
    ["?%00=1", [["", "bad-encoding"]]],
    [
      "?limit=0&cursor=x",
      [
        ["limit", "bad-value"],
        ["cursor", "bad-value"],
      ],
    ],
    ["?__proto__=1", [["__proto__", "unknown-parameter"]]],
  ])("%s is refused, naming the field", async (query, expected) => {
    expect(await faults(`/api/v1/tickets${query}`)).toEqual(expected);
    expect(world.asked).toEqual([]);
  });

  test("a flood of faults is answered with the first few", async () => {
    expect(await faults(`/api/v1/tickets?${"a&".repeat(2_000)}`)).toHaveLength(20);
  });

  test("dead letters show their bytes as base64, and as text where they are text", async () => {
    const poison = Buffer.from([0x7b, 0xff]);
    world.letters = {
      items: [
        LETTER,
        { ...LETTER, value: null, valueBytes: null },
        { ...LETTER, value: poison, valueBytes: 2 },
        { ...LETTER, value: Buffer.from("a\0b"), valueBytes: 3 },
        { ...LETTER, value: Buffer.from("aü").subarray(0, 2), valueBytes: 300 },
      ],
    };
    const { items } = (await (await ask("/api/v1/dead-letters?code=invalid-json")).json()) as { items: unknown[] };
    expect(items).toMatchObject([
      {
        id: "3",
        offset: "9",
        value_base64: Buffer.from("{grün").toString("base64"),
        value_text: "{grün",
        value_truncated: false,
      },
      { value_base64: null, value_text: null, value_truncated: false },
      { value_base64: poison.toString("base64"), value_text: null },
      { value_text: null },
      { value_text: "a", value_bytes: 300, value_truncated: true },
    ]);
    expect(world.asked[0]?.filter).toEqual({ code: "invalid-json" });
  });
});

describe("single things and manners", () => {
  test("a ticket comes with its history and its evidence as data", async () => {
    const answer = await ask("/api/v1/tickets/17");
    expect(await answer.json()).toMatchObject({
      id: "17",
      evidence: { values: { "event.temperature": 91.2 } },
      event_json: EVENT_JSON,
      history: [{ id: "5", type: "opened", evidence: { level: "high" } }],
    });
  });

  test("ids that are no tickets are not found, whatever they look like", async () => {
    for (const id of ["18", "0", "-1", "17x", "99999999999999999999", "a%00b", "%ff", "%F0%9F%98%80"]) {
      expect([id, (await ask(`/api/v1/tickets/${id}`)).status]).toEqual([id, 404]);
    }
  });

  test("HEAD answers as GET does, without a body", async () => {
    for (const path of [
      "/health",
      "/stats",
      "/tickets/recent",
      "/api/v1/tickets",
      "/api/v1/tickets/17",
      "/api/v1/dead-letters",
    ]) {
      const head = await ask(path, { method: "HEAD" });
      expect([path, head.status, head.headers.get("content-type")]).toEqual([
        path,
        200,
        "application/json; charset=utf-8",
      ]);
      expect(await head.text()).toBe("");
    }
  });

  test("while the database is away an answer says when to try again", async () => {
    world.databaseAway = true;
    const answer = await ask("/tickets/recent");
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("5");
  });

  test("the API reads only: other methods are refused, other paths not found", async () => {
    expect((await ask("/api/v1/tickets", { method: "POST" })).status).toBe(405);
    expect((await ask("/api/v1/nothing")).status).toBe(404);
  });

  test("requests are counted by route pattern, never by path", async () => {
    await ask("/api/v1/tickets/17");
    await ask("/secret/path");
    const text = await (await ask("/metrics")).text();
    expect(text).toMatch(/alertcast_api_requests_total\{route="\/api\/v1\/tickets\/:id",method="GET",class="2xx"\} \d/);
    expect(text).toMatch(/alertcast_api_requests_total\{route="none",method="GET",class="4xx"\} \d/);
    expect(text).toMatch(/alertcast_stats_served_total\{source="postgres"\} \d/);
    expect(text).not.toContain("secret");
    expect((await ask("/livez")).status).toBe(200);
    expect((await ask("/readyz")).status).toBe(200);
  });
});
