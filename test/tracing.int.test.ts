// Traces of real services: from a request through Kafka to PostgreSQL, sent to a receiver that the test starts.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, isCaughtUp, type Running, startCluster } from "./cluster.ts";
import { waitFor } from "./harness/wait.ts";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "./otlp-receiver.ts";
import { type RawTopic, rawTopic } from "./raw.ts";
import { ticketOf } from "./ticket-of.ts";

const SERVER = 2;
const CLIENT = 3;
const PRODUCER = 4;
const CONSUMER = 5;
/** Links of one span, at most. */
const MAX_LINKS = 64;
const CALLER_SPAN = "b7ad6b7169203331";
const TELL_IMPORTS = { NODE_OPTIONS: `--import=${new URL("harness/fixtures/tell-imports.ts", import.meta.url).href}` };

let cluster: Cluster;
let raw: RawTopic;
let receiver: OtlpReceiver;
let ingestor: Running;
let processor: Running;
let api: Running;
const stack = new AsyncDisposableStack();

const isReady = async ({ url }: Running) => (await fetch(`${url}/readyz`)).ok;

beforeAll(async () => {
  cluster = stack.use(await startCluster({ partitions: 3 }));
  raw = stack.use(await rawTopic(cluster.brokers, cluster.topic));
  receiver = stack.use(await startOtlpReceiver());
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: "200", ...TELL_IMPORTS };
  [ingestor, processor, api] = await Promise.all([
    cluster.ingestor(env),
    cluster.processor("p1", env),
    cluster.api(env),
  ]);
  for (const running of [ingestor, processor, api]) {
    await waitFor(() => isReady(running), { what: "the services to be ready" });
  }
});

afterAll(() => stack.disposeAsync());

const traceIdOf = (n: number) => `4bf92f3577b34da6${n.toString(16).padStart(16, "0")}`;
const traceparent = (n: number, flags = "01") => `00-${traceIdOf(n)}-${CALLER_SPAN}-${flags}`;

async function post(events: readonly object[], headers: Record<string, string> = {}): Promise<void> {
  const answer = await fetch(`${ingestor.url}/api/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(events),
  });
  expect(answer.status).toBe(202);
  await answer.body?.cancel();
}

const hot = (device: string) => ({ device_id: device, status: "online", temperature: 91 });

function span(wanted: (span: ReceivedSpan) => boolean, what: string): Promise<ReceivedSpan> {
  return waitFor(() => receiver.spans.find(wanted), { what: `the span of ${what}` });
}

test("a request's trace goes to the log; the batch and its statements link back to it; the ticket names it", async () => {
  await post([hot("traced-1")], { traceparent: traceparent(1) });
  expect((await ticketOf(api.url, "traced-1")).evidence.trace_id).toBe(traceIdOf(1));
  const ofTrace = (name: string) => (s: ReceivedSpan) => s.traceId === traceIdOf(1) && s.name === name;
  const request = await span(ofTrace("POST /api/v1/events"), "the request");
  expect(request).toMatchObject({ service: "alertcast-ingestor", kind: SERVER, parentSpanId: CALLER_SPAN, status: 0 });
  expect(request.attributes).toMatchObject({ "http.route": "/api/v1/events", "http.response.status_code": 202 });
  const send = await span(ofTrace("send events"), "the append");
  expect(send).toMatchObject({ kind: PRODUCER, parentSpanId: request.spanId });
  const batch = await span((s) => s.links.some((link) => link.spanId === send.spanId), "the batch");
  expect(batch).toMatchObject({ service: "alertcast-processor", name: "process events", kind: CONSUMER });
  expect(batch.parentSpanId ?? "").toBe("");
  expect(batch.traceId).not.toBe(traceIdOf(1));
  expect(batch.links).toMatchObject([{ traceId: traceIdOf(1) }]);
  expect(batch.attributes).toMatchObject({
    "messaging.destination.name": cluster.topic,
    "alertcast.outcome": "committed",
  });
  for (const name of ["postgres begin-and-fence", "postgres insert-tickets", "postgres commit"]) {
    const statement = await span((s) => s.parentSpanId === batch.spanId && s.name === name, name);
    expect(statement).toMatchObject({ kind: CLIENT, traceId: batch.traceId });
  }
});

test("a request without a trace begins one, and what the API is asked is traced to its statement", async () => {
  await post([hot("traced-2")]);
  const { trace_id } = (await ticketOf(api.url, "traced-2")).evidence;
  expect(trace_id).toMatch(/^[0-9a-f]{32}$/);
  const request = await span((s) => s.traceId === trace_id && s.kind === SERVER, "the request");
  expect(request.parentSpanId ?? "").toBe("");
  const asked = await span((s) => s.name === "GET /api/v1/tickets/:id", "the question");
  const statement = await span((s) => s.parentSpanId === asked.spanId, "its statement");
  expect(statement).toMatchObject({ service: "alertcast-api", name: "postgres get-ticket", kind: CLIENT });
});

test("a trace that its caller does not record is not recorded here either, and the ticket still names it", async () => {
  await post([hot("traced-3")], { traceparent: traceparent(3, "00") });
  expect((await ticketOf(api.url, "traced-3")).evidence.trace_id).toBe(traceIdOf(3));
  // A later trace that has come through the same processes shows that the earlier one would be here.
  await post([hot("traced-4")], { traceparent: traceparent(4) });
  await ticketOf(api.url, "traced-4");
  await span((s) => s.traceId === traceIdOf(4) && s.name === "send events", "the later append");
  await span((s) => s.links.some((link) => link.traceId === traceIdOf(4)), "the later batch");
  expect(receiver.spans.filter((s) => s.traceId === traceIdOf(3))).toEqual([]);
  expect(receiver.spans.filter((s) => s.links.some((link) => link.traceId === traceIdOf(3)))).toEqual([]);
});

test("under load, with null values and broken contexts in the topic, links are bounded and nothing stops", async () => {
  const requests = 300;
  const seen = receiver.spans.length;
  for (let from = 0; from < requests; from += 20) {
    const numbers = Array.from({ length: 20 }, (_, i) => 1000 + from + i);
    await Promise.all([
      ...numbers.map((n) =>
        post(
          Array.from({ length: 25 }, (_, i) => ({ ...hot(`load-${(n * 7 + i) % 50}`), event_id: `${n}-${i}` })),
          { traceparent: traceparent(n) },
        ),
      ),
      raw.send([
        { key: "load-1", value: null },
        { key: "load-2", value: null, headers: { traceparent: traceparent(from + 1) } },
        { key: null, value: null, headers: { "alertcast-tick": "1" }, partition: 0 },
        { key: "load-3", value: JSON.stringify(hot("load-3")), headers: { traceparent: "not a trace" } },
        {
          key: "load-4",
          value: JSON.stringify(hot("load-4")),
          headers: { traceparent: `00-${"0".repeat(32)}-${CALLER_SPAN}-01` },
        },
        // Keyed by another client: moved home, with its context.
        {
          key: "elsewhere",
          value: JSON.stringify(hot(`moved-${from}`)),
          headers: { traceparent: traceparent(5000 + from) },
          partition: 1,
        },
      ]),
    ]);
  }
  await waitFor(() => isCaughtUp(cluster, raw), { what: "everything to be processed" });
  const last = traceIdOf(1000 + requests - 1);
  await span((s) => s.links.some((link) => link.traceId === last), "the last batch");
  const batches = receiver.spans.slice(seen).filter((s) => s.name === "process events");
  expect(Math.max(...batches.map((s) => s.links.length))).toBeLessThanOrEqual(MAX_LINKS);
  expect(batches.every((s) => s.links.length > 0 && s.status !== 2)).toBe(true);
  // One trace a batch: none goes on for ever.
  expect(new Set(batches.map((s) => s.traceId)).size).toBe(batches.length);
  expect((await ticketOf(api.url, "moved-0")).evidence.trace_id).toBe(traceIdOf(5000));
  expect(await isReady(processor)).toBe(true);
  expect(processor.service.logs().join("\n")).not.toMatch(/"level":"(error|fatal)"/);
});

test("a receiver that is away is told of once and stops nothing", async () => {
  const nowhere = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_BSP_SCHEDULE_DELAY: "200" };
  const lonely = await cluster.api(nowhere);
  await waitFor(() => isReady(lonely), { what: "the API to be ready" });
  expect((await fetch(`${lonely.url}/stats`)).status).toBe(200);
  const line = await lonely.service.waitForLog("traces could not be sent");
  expect(JSON.parse(line)).toMatchObject({ level: "warn", component: "api" });
  expect((await fetch(`${lonely.url}/stats`)).status).toBe(200);
  lonely.service.kill();
  expect(await lonely.service.exited).toMatchObject({ code: 0 });
  expect(lonely.service.logs().filter((each) => each.includes("traces could not be sent"))).toHaveLength(1);
});

test("a wrong sampler ends the program with the variable's name", async () => {
  const wrong = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_TRACES_SAMPLER: "sometimes" };
  const { service } = await cluster.api(wrong);
  expect(await service.exited).toMatchObject({ code: 2 });
  expect(service.logs().join("\n")).toContain("OTEL_TRACES_SAMPLER");
});

test("without OTEL_EXPORTER_OTLP_ENDPOINT nothing of OpenTelemetry is loaded", async () => {
  // The services above were watched in the same way.
  expect(processor.service.logs()).toContain("imports @opentelemetry/sdk-trace");
  const quiet = await cluster.api(TELL_IMPORTS);
  await waitFor(() => isReady(quiet), { what: "the API to be ready" });
  expect((await fetch(`${quiet.url}/stats`)).status).toBe(200);
  const imports = new Set(quiet.service.logs().filter((line) => line.startsWith("imports ")));
  // prom-client's own, a few files of types and no-ops: it would take exemplars from there.
  imports.delete("imports @opentelemetry/api");
  expect([...imports]).toEqual([]);
});
