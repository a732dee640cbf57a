import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import Router from "@koa/router";
import { afterEach, expect, test, vi } from "vitest";
import { AlertCastError, type ErrorCode } from "../errors.ts";
import { createMetrics } from "../telemetry/catalogue.ts";
import { createLogger } from "../telemetry/logger.ts";
import { type Answer, createApp } from "./app.ts";
import { readBody } from "./body.ts";
import { createByteBudget } from "./byte-budget.ts";
import { type Checks, createOpsRouter } from "./ops.ts";
import { type HttpServer, type HttpServerOptions, startHttpServer } from "./server.ts";

vi.setConfig({ testTimeout: 60_000 });

const LIMITS = { rawBytes: 1000, inflatedBytes: 5000 };
const logged: Record<string, unknown>[] = [];
const logger = createLogger({ component: "test", destination: { write: (line) => logged.push(JSON.parse(line)) } });
const answers: Answer[] = [];
const budget = createByteBudget(6000);
const started: HttpServer[] = [];

afterEach(async () => {
  for (const server of started.splice(0)) await server[Symbol.asyncDispose]();
  logged.length = 0;
  answers.length = 0;
});

function testRouter(hanging: Promise<void>): Router {
  const router = new Router();
  router.get("/throws/:code", (ctx) => {
    throw new AlertCastError(ctx.params.code as ErrorCode, "what to do");
  });
  router.get("/bug", () => {
    throw new TypeError("password=hunter2");
  });
  router.get("/slow", async (ctx) => {
    await hanging;
    ctx.body = { done: true };
  });
  router.post("/echo", async (ctx) => {
    using lease = budget.lease();
    ctx.body = { bytes: (await readBody(ctx.req, LIMITS, lease)).length };
  });
  return router;
}

async function start(
  options: { checks?: Checks; hanging?: Promise<void> } & Partial<HttpServerOptions> = {},
): Promise<{ url: string; server: HttpServer }> {
  const { checks = {}, hanging = Promise.resolve(), ...rest } = options;
  const ops = createOpsRouter({
    ready: checks,
    registry: createMetrics("ingestor", { processMetrics: false }).registry,
  });
  const app = createApp({ routers: [testRouter(hanging), ops], logger, onAnswer: (answer) => answers.push(answer) });
  const server = await startHttpServer({ handler: app.callback(), port: 0, host: "127.0.0.1", ...rest });
  started.push(server);
  return { url: `http://127.0.0.1:${server.port}`, server };
}

/** What comes back for raw bytes, until the server closes the connection. */
function talk(port: number, sent: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(sent));
    socket
      .on("data", (chunk) => (received += chunk))
      .on("error", reject)
      .on("close", () => resolve(received));
  });
}

const json = async (response: Response) => (await response.json()) as Record<string, unknown>;
const post = (url: string, body: Uint8Array | string, headers: Record<string, string> = {}) =>
  fetch(`${url}/echo`, { method: "POST", body: typeof body === "string" ? body : new Uint8Array(body), headers });

test.each<[ErrorCode, number, string]>([
  ["invalid", 400, "invalid"],
  ["not-found", 404, "not-found"],
  ["conflict", 409, "conflict"],
  ["too-large", 413, "too-large"],
  ["unsupported-media", 415, "unsupported-media"],
  ["throttled", 429, "throttled"],
  ["unavailable", 503, "unavailable"],
  ["fenced", 503, "unavailable"],
  ["halted", 503, "unavailable"],
  ["internal", 500, "internal"],
])("the error code %s is answered with %i and a problem", async (thrown, status, code) => {
  const { url } = await start();
  const response = await fetch(`${url}/throws/${thrown}`);
  expect(response.status).toBe(status);
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
  expect(response.headers.has("Retry-After")).toBe(status === 429 || status === 503);
  const problem = await json(response);
  expect(problem).toMatchObject({
    type: `/docs/problems/${code}`,
    status,
    code,
    instance: response.headers.get("Request-Id"),
  });
  expect(problem.instance).toMatch(/^[0-9a-f-]{36}$/);
  expect(problem.detail === "what to do").toBe(code !== "internal");
});

test("an unexpected error tells the client nothing and is logged once, with the request id", async () => {
  const { url } = await start();
  const response = await fetch(`${url}/bug`);
  const text = await response.text();
  expect(response.status).toBe(500);
  expect(text).not.toContain("hunter2");
  expect(logged).toEqual([
    expect.objectContaining({
      msg: "request failed",
      requestId: JSON.parse(text).instance,
      err: expect.objectContaining({ type: "TypeError" }),
    }),
  ]);
});

test("an unknown path is 404, a known one with another method 405 with Allow", async () => {
  const { url } = await start();
  const unknown = await fetch(`${url}/nothing`);
  expect([unknown.status, (await json(unknown)).code]).toEqual([404, "not-found"]);
  const method = await fetch(`${url}/echo`, { method: "DELETE" });
  expect([method.status, (await json(method)).code, method.headers.get("Allow")]).toEqual([
    405,
    "method-not-allowed",
    "POST",
  ]);
  expect(logged).toEqual([]);
});

test("each answer is reported with its route's pattern, not its path", async () => {
  const { url } = await start();
  await fetch(`${url}/throws/conflict`);
  await fetch(`${url}/nothing`);
  expect(answers).toEqual([
    { route: "/throws/:code", method: "GET", status: 409, seconds: expect.any(Number) },
    { route: undefined, method: "GET", status: 404, seconds: expect.any(Number) },
  ]);
});

test("bodies are inflated", async () => {
  const { url } = await start();
  const text = "a".repeat(3000);
  for (const [encoding, body] of [
    ["gzip", gzipSync(text)],
    ["deflate", deflateSync(text)],
    ["br", brotliCompressSync(text)],
  ] as const) {
    expect(await (await post(url, body, { "Content-Encoding": encoding })).json()).toEqual({ bytes: 3000 });
  }
  expect(await (await post(url, "abc", { "Content-Encoding": "Identity" })).json()).toEqual({ bytes: 3 });
  expect(budget.used).toBe(0);
});

test("a body over the raw or the inflated limit is 413, with or without Content-Length", async () => {
  const { url } = await start();
  expect((await post(url, "a".repeat(1001))).status).toBe(413);
  expect((await post(url, gzipSync("a".repeat(5001)), { "Content-Encoding": "gzip" })).status).toBe(413);
  const status = await new Promise((resolve, reject) => {
    const request = httpRequest(`${url}/echo`, { method: "POST" }, (response) =>
      resolve(response.resume().statusCode),
    ).on("error", reject);
    request.write("a".repeat(600));
    request.end("a".repeat(600));
  });
  expect(status).toBe(413);
  expect(budget.used).toBe(0);
});

test("a body that does not inflate is 400, an unknown encoding 415", async () => {
  const { url } = await start();
  const half = gzipSync("a".repeat(3000));
  expect((await post(url, half.subarray(0, half.length - 4), { "Content-Encoding": "gzip" })).status).toBe(400);
  expect((await post(url, "no gzip", { "Content-Encoding": "gzip" })).status).toBe(400);
  expect((await post(url, "x", { "Content-Encoding": "gzip, gzip" })).status).toBe(415);
});

test("what all requests together hold is limited, and given back", async () => {
  const { url } = await start();
  using lease = budget.lease();
  lease.grow(5500);
  expect((await post(url, "a".repeat(600))).status).toBe(429);
  expect((await post(url, gzipSync("a".repeat(4000)), { "Content-Encoding": "gzip" })).status).toBe(429);
  expect((await post(url, "a".repeat(400))).status).toBe(200);
  expect(budget.used).toBe(5500);
});

test("a body may come byte by byte, and what is only announced is not held", async () => {
  const { url, server } = await start();
  const idle = Array.from({ length: 10 }, () => connect(server.port, "127.0.0.1"));
  for (const socket of idle) socket.write("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\na");
  await expect.poll(() => budget.used, { timeout: 60_000 }).toBe(10);
  expect((await post(url, "a".repeat(900))).status).toBe(200);
  const chunked = `POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\na\r\n".repeat(999)}0\r\n\r\n`;
  expect(await talk(server.port, chunked)).toContain('{"bytes":999}');
  for (const socket of idle) socket.destroy();
  await expect.poll(() => budget.used, { timeout: 60_000 }).toBe(0);
});

test("a client that goes away in the middle of its body leaves nothing behind", async () => {
  const { server } = await start();
  const socket = connect(server.port, "127.0.0.1");
  socket.write("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nabc");
  await expect.poll(() => budget.used, { timeout: 60_000 }).toBe(3);
  socket.destroy();
  await expect.poll(() => budget.used, { timeout: 60_000 }).toBe(0);
  expect(logged).toEqual([]);
});

test("a header over 16 KiB and what is no HTTP are refused with a problem", async () => {
  const { server } = await start();
  const large = await talk(server.port, `GET /livez HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(17_000)}\r\n\r\n`);
  expect(large).toContain("431 Request Header Fields Too Large");
  expect(large).toContain('"code":"too-large"');
  expect(await talk(server.port, "\u0016\u0003\u0001 hello\r\n\r\n")).toContain('"code":"invalid"');
});

test("a header or a body that does not arrive in time ends the connection", async () => {
  const { server } = await start({ headersTimeoutMs: 50, requestTimeoutMs: 100 });
  expect(await talk(server.port, "GET /livez HTTP/1.1\r\nHost:")).toContain('"code":"request-timeout"');
  expect(await talk(server.port, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")).toContain(
    '"code":"request-timeout"',
  );
  expect(budget.used).toBe(0);
});

test("connections beyond the limit are closed", async () => {
  const { server } = await start({ maxConnections: 1, headersTimeoutMs: 60_000, requestTimeoutMs: 60_000 });
  const first = connect(server.port, "127.0.0.1");
  await new Promise((resolve) => first.once("connect", resolve));
  expect(await talk(server.port, "")).toBe("");
  first.destroy();
});

test("a server that ends answers what it has begun, then closes the connection", async () => {
  const { promise: hanging, resolve: release } = Promise.withResolvers<void>();
  const { url, server } = await start({ hanging });
  const ending = new AbortController();
  const running = server.run(ending.signal);
  const response = fetch(`${url}/slow`);
  await fetch(`${url}/livez`);
  ending.abort();
  await expect
    .poll(
      () =>
        fetch(`${url}/livez`).then(
          () => "open",
          () => "closed",
        ),
      { timeout: 60_000 },
    )
    .toBe("closed");
  release();
  expect(await (await response).json()).toEqual({ done: true });
  await running;
});

test("a server that ends cuts what has not ended by the deadline", async () => {
  const { url, server } = await start({ hanging: new Promise(() => {}), drainMs: 50 });
  const response = fetch(`${url}/slow`).then(
    () => "answered",
    () => "cut",
  );
  await fetch(`${url}/livez`);
  await server.run(AbortSignal.abort());
  expect(await response).toBe("cut");
});

test("a port that is taken is said to be so", async () => {
  const { server } = await start();
  await expect(start({ port: server.port })).rejects.toMatchObject({ code: "unavailable" });
});

test("readiness names what is missing, liveness does not ask for it", async () => {
  let kafka: true | string = "not connected yet";
  const { url } = await start({ checks: { kafka: () => kafka, postgres: () => true } });
  expect(await (await fetch(`${url}/livez`)).json()).toEqual({ status: "ok" });
  const missing = await fetch(`${url}/readyz`);
  expect(missing.status).toBe(503);
  expect(await missing.json()).toMatchObject({
    code: "unavailable",
    errors: [{ field: "kafka", message: "not connected yet" }],
  });
  kafka = true;
  expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: "ready" });
});

test("metrics are served in Prometheus' format", async () => {
  const { url } = await start();
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get("Content-Type")).toContain("text/plain; version=0.0.4");
  expect(await response.text()).toContain("alertcast_build_info");
});
