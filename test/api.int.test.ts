// The API as its own process, over real PostgreSQL and Redis: what its clients see, and how it bears that either goes away.
import { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { type Cluster, isCaughtUp, type Running, startCluster } from "./cluster.ts";
import { tcpProxy } from "./harness/proxy.ts";
import { services } from "./harness/services.ts";
import { waitFor } from "./harness/wait.ts";
import { rawTopic } from "./raw.ts";
import { insertTickets } from "./tickets.ts";

/** All that need the database: at once, or as soon as what Redis holds is stale. */
const ROUTES = ["/tickets/recent", "/api/v1/tickets", "/api/v1/tickets/1", "/api/v1/dead-letters", "/stats"];

async function readyApi(cluster: Cluster, env?: Readonly<Record<string, string>>): Promise<Running> {
  const api = await cluster.api(env);
  await waitFor(async () => (await fetch(`${api.url}/readyz`)).ok, { what: "the API to be ready" });
  return api;
}

async function json<T>(api: Running, path: string): Promise<T> {
  const answer = await fetch(api.url + path);
  expect([path, answer.status]).toEqual([path, 200]);
  return (await answer.json()) as T;
}

async function stats(api: Running) {
  const answer = await fetch(`${api.url}/stats`);
  return { source: answer.headers.get("alertcast-stats-source"), body: await answer.text() };
}

describe("a client of the API", () => {
  it("reads what the processor wrote: the original's routes, a ticket with its history, dead letters", async () => {
    await using cluster = await startCluster({ partitions: 1 });
    await using raw = await rawTopic(cluster.brokers, cluster.topic);
    const event = (temperature: number) => `{"device_id":"dev-ü","status":"online","temperature":${temperature}}`;
    const poison = Buffer.from([0x7b, 0xff]);
    await raw.send([event(91), poison, "{oops", event(20)].map((value) => ({ key: "dev-ü", value })));
    await cluster.processor("processor");
    const api = await readyApi(cluster);
    await waitFor(async () => isCaughtUp(cluster, raw), { what: "all to be applied" });

    expect(await (await fetch(`${api.url}/health`)).text()).toMatch(/^\{"status":"ok","time":"[0-9T:.-]+Z"\}$/);
    await waitFor(async () => (await stats(api)).source === "redis", { what: "the counters to be in Redis" });
    const counted = '{"critical":0,"high":1,"medium":0,"low":0}';
    await waitFor(async () => (await stats(api)).body === counted, { what: "the ticket to be counted" });
    const [recent] = await json<{ id: number; event_json: string }[]>(api, "/tickets/recent?limit=1");
    expect(
      Object.keys(recent ?? {})
        .slice(0, 6)
        .join(),
    ).toBe("id,device_id,severity,reason,event_json,created_at");
    expect(recent).toMatchObject({ device_id: "dev-ü", severity: "high", event_json: event(91), status: "resolved" });

    const { history, ...ticket } = await json<{ id: string; history: { type: string; evidence: object | null }[] }>(
      api,
      `/api/v1/tickets/${recent?.id}`,
    );
    expect(ticket).toMatchObject({ id: String(recent?.id), device_id: "dev-ü", event_json: event(91) });
    expect(history.map(({ type }) => type)).toEqual(["opened", "resolved"]);
    expect(history[0]?.evidence).toMatchObject({ entry: { topic: cluster.topic, partition: 0, offset: 0 } });

    const letters = await json<{ items: object[]; next: null }>(api, "/api/v1/dead-letters");
    expect(letters).toMatchObject({
      items: [
        { offset: "2", value_text: "{oops" },
        { offset: "1", value_text: null, value_base64: poison.toString("base64") },
      ],
      next: null,
    });
  });

  it("is told which parameter is wrong, and that there is no ticket for an id of none", async () => {
    await using cluster = await startCluster();
    const api = await readyApi(cluster);
    for (const [path, status, field] of [
      ["/tickets/recent?limit=0", 400, "limit"],
      ["/tickets/recent?limit=501", 400, "limit"],
      ["/tickets/recent?limit=abc", 400, "limit"],
      ["/api/v1/tickets?limit=1.5", 400, "limit"],
      ["/api/v1/tickets?colour=red", 400, "colour"],
      ["/api/v1/tickets?device=a%00b", 400, "device"],
      ["/api/v1/tickets?device=%ED%A0%80", 400, "device"],
      ["/api/v1/dead-letters?code=%00", 400, "code"],
      ["/api/v1/tickets?cursor=AAAA", 400, "cursor"],
      ["/api/v1/tickets/9007199254740991", 404, undefined],
      ["/api/v1/tickets/9223372036854775808", 404, undefined],
      ["/api/v1/tickets/%00", 404, undefined],
    ] as const) {
      const answer = await fetch(api.url + path);
      const problem = (await answer.json()) as { errors?: { field: string }[] };
      expect([path, answer.status, problem.errors?.[0]?.field]).toEqual([path, status, field]);
      expect(answer.headers.get("content-type")).toContain("application/problem+json");
    }
  });

  it("G1: goes on with its walk at another process after the first was killed", async () => {
    await using cluster = await startCluster();
    const sameMicrosecond = { createdAt: "2026-01-01T00:00:00.000001Z" };
    const ids = await insertTickets(cluster.pool, Array(350).fill(sameMicrosecond));
    let api = await readyApi(cluster);
    const seen: string[] = [];
    for (let path: string | null = "/api/v1/tickets?limit=100"; path !== null; ) {
      const page: { items: { id: string }[]; next: string | null } = await json(api, path);
      seen.push(...page.items.map(({ id }) => id));
      path = page.next;
      if (seen.length !== 200) continue;
      api.service.kill("SIGKILL");
      await api.service.exited;
      api = await readyApi(cluster);
    }
    expect(seen).toEqual(ids.map(String).toReversed());
  });
});

describe("while a service is away", () => {
  it("PostgreSQL that hangs or refuses gives 503 with a time to try again, never 500, and all is well when it is back", async () => {
    await using cluster = await startCluster();
    await insertTickets(cluster.pool, [{}]);
    await using proxy = await tcpProxy({ targetPort: cluster.database.port, targetHost: cluster.database.host });
    const api = await readyApi(cluster, { PG_HOST: "127.0.0.1", PG_PORT: String(proxy.port) });
    const ask = async (path: string) => {
      const answer = await fetch(api.url + path);
      await answer.body?.cancel();
      return { path, status: answer.status, retryAfter: answer.headers.get("retry-after") };
    };
    const all = (status: number) => async () => {
      const answers = await Promise.all(ROUTES.map(ask));
      expect(answers.filter((answer) => answer.status === 500)).toEqual([]);
      return answers.every((answer) => answer.status === status && (status !== 503 || answer.retryAfter !== null));
    };
    await waitFor(all(200), { what: "all routes to be served" });

    proxy.pause();
    // /stats goes on from Redis until what that holds is stale.
    await waitFor(all(503), { what: "the black hole to be noticed", deadlineMs: 120_000 });
    expect((await fetch(`${api.url}/health`)).status).toBe(200);
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    proxy.cut();
    proxy.resume();
    await waitFor(all(200), { what: "all routes to be served again" });

    await proxy.close();
    await waitFor(all(503), { what: "the refused connections to be noticed", deadlineMs: 120_000 });
    api.service.kill("SIGTERM");
    expect(await api.service.exited).toEqual({ code: 0, signal: null });
  }, 300_000);

  it("a flushed Redis is right again soon, and two installations that share one each keep their own counts", async () => {
    await using one = await startCluster();
    await using two = await startCluster();
    await insertTickets(one.pool, [{ severity: "low" }]);
    await insertTickets(two.pool, [{ severity: "high" }, { severity: "high" }, { severity: "critical" }]);
    const apis = [await readyApi(one), await readyApi(two)];
    const right = async () => {
      const shown = await Promise.all(apis.map(stats));
      expect(shown.map(({ body }) => body)).toEqual([
        '{"critical":0,"high":0,"medium":0,"low":1}',
        '{"critical":1,"high":2,"medium":0,"low":0}',
      ]);
      return shown.every(({ source }) => source === "redis");
    };
    await waitFor(right, { what: "both to be served from Redis" });
    const redis = new Redis(services().redisUrl);
    try {
      await redis.flushall();
    } finally {
      redis.disconnect();
    }
    await right();
    await waitFor(right, { what: "both to be served from Redis again" });
  });
});
