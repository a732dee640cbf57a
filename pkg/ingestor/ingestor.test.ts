import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterEach, expect, test, vi } from "vitest";
import { AlertCastError } from "../errors.ts";
import { createApp } from "../http/app.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { homePartition } from "../log/home.ts";
import type { NewRecord } from "../log/log.ts";
import { createMetrics } from "../telemetry/catalogue.ts";
import { createLogger } from "../telemetry/logger.ts";
import { createIngestor, type IngestorOptions } from "./ingestor.ts";

vi.setConfig({ testTimeout: 60_000 });

const PARTITIONS = 6;
const started: HttpServer[] = [];
const logged: Record<string, unknown>[] = [];
const logger = createLogger({ component: "test", destination: { write: (line) => logged.push(JSON.parse(line)) } });

afterEach(async () => {
  for (const server of started.splice(0)) await server[Symbol.asyncDispose]();
  logged.length = 0;
});

/** Keeps what was appended, one list an append; `fault` is what the next appends do instead. */
function recordingLog() {
  const appends: (readonly NewRecord[])[] = [];
  const log = {
    appends,
    fault: undefined as (() => Promise<void>) | undefined,
    records: () => appends.flat(),
    values: () => appends.flat().map(({ value }) => value?.toString()),
    async append(records: readonly NewRecord[]): Promise<void> {
      if (log.fault !== undefined) return log.fault();
      appends.push(records);
    },
  };
  return log;
}

const unavailable = async () => {
  throw new AlertCastError("unavailable", "no answer from broker-7.internal:9092");
};

async function start(log = recordingLog(), limits: IngestorOptions["limits"] = {}) {
  const metrics = createMetrics("ingestor", { processMetrics: false });
  const ingestor = createIngestor({ log, topicPartitions: PARTITIONS, metrics, logger, limits });
  const server = await startHttpServer({
    handler: createApp({ routers: [ingestor.router], logger }).callback(),
    port: 0,
    host: "127.0.0.1",
    drainMs: 100,
  });
  started.push(server);
  return { log, metrics, ingestor, url: `http://127.0.0.1:${server.port}/api/v1/events` };
}

interface Result {
  status: number;
  headers: Headers;
  body: Record<string, unknown> & { errors: Record<string, unknown>[] };
}

async function send(
  url: string,
  body: string | Uint8Array,
  type = "application/json",
  headers: Record<string, string> = {},
): Promise<Result> {
  const sent = typeof body === "string" ? body : new Uint8Array(body);
  const response = await fetch(url, { method: "POST", body: sent, headers: { "Content-Type": type, ...headers } });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Result["body"] };
}

const NDJSON = "application/x-ndjson";
const event = (device: string, fields: Record<string, unknown> = {}) =>
  JSON.stringify({ device_id: device, status: "online", temperature: 20, ...fields });
const bad = (device: string) => event(device, { temperature: 91 });

test("one event is appended at its device's home with its id as key and its own bytes, then acknowledged", async () => {
  const { url, log } = await start();
  const sent = '{ "device_id" : "dev-1", "temperature": 20.0, "n": 9007199254740993, "n": 1e999 }';
  const { status, body } = await send(url, `\uFEFF\n ${sent}\n`, "Application/JSON; charset=UTF-8");
  expect([status, body]).toEqual([202, { accepted: 1, rejected: 0, errors: [] }]);
  expect(log.records()).toEqual([
    { partition: homePartition("dev-1", PARTITIONS), key: "dev-1", value: Buffer.from(sent) },
  ]);
});

test("A1 a number with its unit is refused for that event alone", async () => {
  const { url, log } = await start();
  const temperatures = ['"30.11 °C"', '"nan"', '"91.5"', "true", "[91]", '{"value":91}'];
  const batch = [...temperatures.map((json) => `{"device_id":"d","status":"online","temperature":${json}}`), bad("d2")];
  const { status, body } = await send(url, `[${batch.join(",")}]`);
  expect(status).toBe(202);
  expect(body).toMatchObject({ accepted: 1, rejected: 6 });
  expect(body.errors).toEqual(
    temperatures.map((_, index) => ({ index, code: "wrong-type", field: "temperature", message: expect.any(String) })),
  );
  expect(log.values()).toEqual([bad("d2")]);
});

test.each(["UTC", "America/New_York"])(
  "A3 time in other clothes is refused or kept, alike with TZ=%s",
  async (zone) => {
    vi.stubEnv("TZ", zone);
    const { url, log } = await start();
    const refused = ["1648731311", "1648731311000", '"1648731311"', '"2026-03-08T02:30:00"'];
    const taken = ['"2026-03-01T10:00:00.123456789Z"', '"2026-03-01T12:00:00+02:00"'];
    const events = [...refused, ...taken].map(
      (ts) => `{"device_id":"d","status":"online","temperature":20,"ts":${ts}}`,
    );
    const { status, body } = await send(url, events.join("\n"), NDJSON);
    vi.unstubAllEnvs();
    expect(status).toBe(202);
    expect(body).toMatchObject({ accepted: 2, rejected: 4 });
    expect(body.errors.map(({ index, field }) => [index, field])).toEqual([0, 1, 2, 3].map((index) => [index, "ts"]));
    for (const { message } of body.errors) expect(message).toContain("RFC 3339");
    expect(log.values()).toEqual(events.slice(4));
  },
);

test("A4 ids are text and stay as they are", async () => {
  const { url, log } = await start();
  const ids = ["000012300007", "12300007", "dev-a", "Dev-a", "dev-a ", "caf\u00e9", "cafe\u0301", "id-😀"];
  const refused = [
    "9007199254740993",
    "9007199254740992",
    '"a\\u0000b"',
    '"\\ud83d"',
    '""',
    JSON.stringify("x".repeat(300)),
  ];
  const withId = (json: string) => `{"device_id":${json},"status":"online","temperature":91}`;
  const batch = [
    ...ids.map((id) => withId(JSON.stringify(id))),
    ...refused.map(withId),
    '{"device_id":"d","message":"a\\u0000"}',
  ];
  const { status, body } = await send(url, `[${batch.join(",")}]`);
  expect(status).toBe(202);
  expect(body).toMatchObject({ accepted: 8, rejected: 7 });
  expect(body.errors.map(({ index, field }) => [index, field])).toEqual([
    ...[8, 9, 10, 11, 12, 13].map((index) => [index, "device_id"]),
    [14, "message"],
  ]);
  expect(log.records().map(({ key, partition }) => [key, partition])).toEqual(
    ids.map((id) => [id, homePartition(id, PARTITIONS)]),
  );
});

test("B1 lines that are not quite lines: the good ones are taken, two events on one line are an error", async () => {
  const { url, log } = await start();
  const [e1, e2, e3, e4] = [bad("d1"), bad("d2"), bad("d3"), bad("d4")];
  const body = `\uFEFF${e1}\r\n\r\n${e2}${e3}\n${e4}`;
  const whole = await send(url, body, NDJSON);
  expect([whole.status, whole.body]).toEqual([
    202,
    { accepted: 2, rejected: 1, errors: [{ index: 1, code: "invalid-json", field: "", message: expect.any(String) }] },
  ]);
  expect(log.values()).toEqual([e1, e4]);

  const cut = await send(url, body.slice(0, body.length - 10), "application/ndjson");
  expect([cut.status, cut.body]).toMatchObject([
    202,
    { accepted: 1, rejected: 2, errors: [{ index: 1 }, { index: 2 }] },
  ]);
  expect(log.values()).toEqual([e1, e4, e1]);

  const two = await send(url, `${e1}${e2}`);
  expect([two.status, two.body]).toMatchObject([
    400,
    { code: "invalid", accepted: 0, rejected: 1, errors: [{ index: 0, code: "invalid-json" }] },
  ]);
  expect(log.appends).toHaveLength(2);
});

test("B2 many middling events of one device in one request are one append, in order", async () => {
  const { url, log } = await start();
  const events = Array.from({ length: 40 }, (_, n) =>
    event("d", { n, message: randomBytes(75 * 1024).toString("base64") }),
  );
  const { status, body } = await send(url, events.join("\n"), NDJSON);
  expect([status, body]).toEqual([202, { accepted: 40, rejected: 0, errors: [] }]);
  expect(log.appends).toHaveLength(1);
  expect(log.values()).toEqual(events);
});

test("B2 one giant among small events is refused by itself before anything is sent", async () => {
  const { url, log } = await start();
  const events = Array.from({ length: 50 }, (_, n) =>
    event("d", { n, ...(n === 7 ? { message: "x".repeat(2 * 1024 * 1024) } : {}) }),
  );
  const { status, body } = await send(url, `[${events.join(",")}]`);
  expect([status, body]).toEqual([
    202,
    { accepted: 49, rejected: 1, errors: [{ index: 7, code: "too-large", field: "", message: expect.any(String) }] },
  ]);
  expect(log.records()).toHaveLength(49);
  const alone = await send(url, events[7] ?? "");
  expect([alone.status, alone.body]).toMatchObject([
    413,
    { code: "too-large", accepted: 0, rejected: 1, errors: [{ index: 0, code: "too-large" }] },
  ]);
});

test.each([
  "",
  " \r\n",
  "\uFEFF",
  "[]",
  "{}",
  "null",
  "[1]",
  "[{]",
  `[${bad("d")}`,
  `[${bad("d")}] ${bad("e")}`,
  `[${bad("d")},]`,
])("a body without a valid event, such as %j, is 400 and nothing is appended", async (body) => {
  const { url, log } = await start();
  const result = await send(url, body);
  expect(result.status).toBe(400);
  expect(result.headers.get("Content-Type")).toBe("application/problem+json");
  expect(result.body).toMatchObject({ code: "invalid", accepted: 0 });
  expect(result.body.errors).toHaveLength(result.body.rejected as number);
  expect(log.appends).toEqual([]);
});

test("a member that is no JSON does not refuse its batch while the array itself is whole", async () => {
  const { url, log } = await start();
  const { status, body } = await send(url, `[${bad("a")}, {"device_id":"b","temperature":NaN}, ${bad("c")}]`);
  expect([status, body]).toMatchObject([
    202,
    { accepted: 2, rejected: 1, errors: [{ index: 1, code: "invalid-json" }] },
  ]);
  expect(log.values()).toEqual([bad("a"), bad("c")]);
});

test("an event by any door is the same bytes in the log", async () => {
  const { url, log } = await start();
  const one = '{"device_id":"d","ts":"2026-03-01T10:00:00.123456789Z","x":1.10}';
  await send(url, one);
  await send(url, `[\n  ${one}\n]`);
  await send(url, `${one}\r\n`, NDJSON);
  await send(url, gzipSync(one), "application/json", { "Content-Encoding": "gzip" });
  expect(log.values()).toEqual([one, one, one, one]);
});

test("another content type, another charset and no content type are 415", async () => {
  const { url } = await start();
  for (const type of ["text/plain", "application/json; charset=utf-16", "application/cloudevents+json"]) {
    expect((await send(url, bad("d"), type)).status).toBe(415);
  }
  expect((await fetch(url, { method: "POST", body: new Uint8Array([123, 125]) })).status).toBe(415);
});

test("too many bytes, inflated bytes or events in one request are 413 and nothing is appended", async () => {
  const { url, log } = await start(recordingLog(), { bodyBytes: 2000, inflatedBytes: 4000, events: 10 });
  expect((await send(url, `[${bad("d")},${JSON.stringify("x".repeat(2000))}]`)).status).toBe(413);
  expect((await send(url, gzipSync(" ".repeat(4001)), NDJSON, { "Content-Encoding": "gzip" })).status).toBe(413);
  expect((await send(url, `${bad("d")}\n${"{}\n".repeat(10)}`, NDJSON)).status).toBe(413);
  expect(log.appends).toEqual([]);
});

test("the list of errors in an answer is bounded, the counts are right", async () => {
  const { url } = await start(recordingLog(), { errors: 3 });
  const { body } = await send(url, `${bad("d")}\n${"{}\n".repeat(500)}`, NDJSON);
  expect(body).toMatchObject({ accepted: 1, rejected: 500 });
  expect(body.errors.map(({ index }) => index)).toEqual([1, 2, 3]);
});

test("events the log did not confirm are 503 with Retry-After: unknown, and the sender is told to repeat them", async () => {
  const log = recordingLog();
  log.fault = unavailable;
  const { url, ingestor } = await start(log);
  const { status, headers, body } = await send(url, `[${bad("a")},{}]`);
  expect(status).toBe(503);
  expect(headers.get("Retry-After")).toBe("5");
  expect(body).toMatchObject({ code: "unavailable", detail: expect.stringContaining("event_id") });
  expect(JSON.stringify(body)).not.toContain("broker-7");
  expect(logged.map(({ msg }) => msg)).toEqual(["request could not be served"]);
  expect(ingestor.checks.log?.()).toBe("the last append failed");

  log.fault = undefined;
  expect((await send(url, bad("a"))).status).toBe(202);
  expect(ingestor.checks.log?.()).toBe(true);
});

test("an ingestor that has worked stays ready while the log is away: somebody has to answer 503", async () => {
  const log = recordingLog();
  const { url, ingestor } = await start(log);
  expect((await send(url, bad("a"))).status).toBe(202);
  expect(ingestor.checks.log?.()).toBe(true);
  log.fault = unavailable;
  expect((await send(url, bad("a"))).status).toBe(503);
  expect(ingestor.checks.log?.()).toBe(true);
});

test("an append that fails for another reason is not called unavailable", async () => {
  const log = recordingLog();
  log.fault = async () => {
    throw new TypeError("a bug");
  };
  const { url } = await start(log);
  expect((await send(url, bad("a"))).status).toBe(500);
});

test("while the log hangs, requests are held up to a bound and then refused with 429 before they are read", async () => {
  const log = recordingLog();
  const { promise: hanging, resolve: release } = Promise.withResolvers<void>();
  let begun = 0;
  log.fault = () => {
    begun++;
    return hanging;
  };
  const { url } = await start(log, { inFlightBytes: 1000 });
  const large = event("d", { message: "x".repeat(400) });
  const held = [send(url, large), send(url, large)];
  await expect.poll(() => begun, { timeout: 60_000 }).toBe(2);
  const refused = await send(url, large);
  expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "1"]);
  expect(begun).toBe(2);
  release();
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual([202, 202]);
  expect((await send(url, large)).status).toBe(202);
});

test("a valid traceparent goes along with the events, any other text does not", async () => {
  const { url, log } = await start();
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  await send(url, bad("a"), "application/json", { traceparent });
  await send(url, bad("a"), "application/json", { traceparent: "anything" });
  expect(log.records().map(({ headers }) => headers)).toEqual([{ traceparent }, undefined]);
});

test("offered events are counted as accepted or rejected, by code", async () => {
  const { url, metrics } = await start();
  await send(url, `${bad("a")}\n{}\nx\n${bad("b")}`, NDJSON);
  await send(url, "{}");
  const text = await metrics.registry.metrics();
  expect(text).toContain('alertcast_events_received_total{source="http"} 5');
  expect(text).toContain('alertcast_events_accepted_total{source="http"} 2');
  expect(text).toContain('alertcast_events_rejected_total{source="http",code="missing-field"} 2');
  expect(text).toContain('alertcast_events_rejected_total{source="http",code="invalid-json"} 1');
  expect(text).toContain('alertcast_ingest_duration_seconds_count{source="http",class="2xx"} 1');
  expect(text).toContain('alertcast_ingest_duration_seconds_count{source="http",class="4xx"} 1');
  expect(text).toContain("alertcast_log_append_duration_seconds_count 1");
});
