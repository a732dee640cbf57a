import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRedis } from "../../test/harness/start-redis.ts";
import { temporaryFolder } from "../../test/harness/start-services.ts";
import { waitFor } from "../../test/harness/wait.ts";
import { insertTickets, type MigratedDatabase, migratedDatabase, resolveTickets } from "../../test/tickets.ts";
import { memoryCounts } from "../count/memory.ts";
import { redisCounts } from "../count/redis.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { sleep } from "../lifecycle/sleep.ts";
import { countsRelay } from "../relay/counts-relay.ts";
import { createMetrics } from "../telemetry/catalogue.ts";
import { createLogger } from "../telemetry/logger.ts";
import { postgresReader } from "../ticket/postgres-read.ts";
import { createApi } from "./api.ts";

interface ListBody {
  readonly items: readonly { readonly id: string }[];
  readonly next: string | null;
}

const logger = createLogger({ component: "test", level: "silent" });
const urlOf = (server: HttpServer, path: string) => `http://127.0.0.1:${server.port}${path}`;

let database: MigratedDatabase;
beforeAll(async () => {
  database = await migratedDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

/** An API with a pool of its own, as another process would have. */
async function startApi(live = memoryCounts()): Promise<HttpServer> {
  const metrics = createMetrics("api", { processMetrics: false });
  const reader = postgresReader(database.newPool());
  const app = createApi({ reader, live, metrics, logger, ready: {}, now: () => new Date(0) });
  return startHttpServer({ handler: app.callback(), port: 0, host: "127.0.0.1" });
}

test("/tickets/recent gives a ticket's bytes as they are in the database", async () => {
  await using server = await startApi();
  const eventJson = '{"device_id":"dev-ü","status":"offline","n":1e400,"t":"a\\u0000b"}';
  const [id] = await insertTickets(database.pool, [
    {
      createdAt: "2036-01-01T00:00:00.000120Z",
      device: "dev-ü",
      eventJson,
      reason: 'Device "offline"',
      severity: "critical",
    },
  ]);
  const answer = await fetch(urlOf(server, "/tickets/recent?limit=1"));
  expect(await answer.text()).toBe(
    `[{"id":${id},"device_id":"dev-ü","severity":"critical","reason":"Device \\"offline\\"","event_json":${JSON.stringify(eventJson)},` +
      '"created_at":"2036-01-01T00:00:00.000120Z","status":"open","rule_id":"device-offline","region":"eu-west","occurrences":1,' +
      '"last_seen":"2036-01-01T00:00:00.000120Z","resolved_at":null}]',
  );
});

describe("G1: pages inside one microsecond, over HTTP", () => {
  const expected: string[] = [];

  beforeAll(async () => {
    const make = (createdAt: (n: number) => string) =>
      Array.from({ length: 500 }, (_, n) => ({ createdAt: createdAt(n), rule: "g1", device: `g1-${n}` }));
    const ids = [
      ...(await insertTickets(
        database.pool,
        make(() => "2026-01-01T00:00:00.000001Z"),
      )),
      ...(await insertTickets(
        database.pool,
        make((n) => `2026-01-01T00:00:00.${String(1_000 + n * 6).padStart(6, "0")}Z`),
      )),
    ];
    expected.push(...ids.map(String).toReversed());
  });

  test.each([1, 7, 100])(
    "pages of %i show each of a thousand tickets once, in one order, across a restart, while others open and resolve",
    async (limit) => {
      await using stack = new AsyncDisposableStack();
      let server = stack.use(await startApi());
      const seen: string[] = [];
      const others: number[] = [];
      let path: string | null = `/api/v1/tickets?limit=${limit}`;
      for (let page = 0; path !== null; page++) {
        const body = (await (await fetch(urlOf(server, path))).json()) as ListBody;
        seen.push(...body.items.map(({ id }) => id));
        path = body.next;
        if (page % 25 === 0) others.push(...(await insertTickets(database.pool, [{}, {}])));
        if (page % 50 === 0) await resolveTickets(database.pool, others.splice(0, 1));
        if (page === 4) server = stack.use(await startApi());
      }
      const ours = new Set(expected);
      expect(seen.filter((id) => ours.has(id))).toEqual(expected);
      expect(new Set(seen).size).toBe(seen.length);
    },
  );

  test("a cursor with one letter changed gives 400, wherever the letter is", async () => {
    await using server = await startApi();
    const { next } = (await (await fetch(urlOf(server, "/api/v1/tickets?rule=g1&limit=7"))).json()) as ListBody;
    const link = new URL(urlOf(server, next ?? ""));
    const cursor = link.searchParams.get("cursor") ?? "";
    for (let i = 0; i < cursor.length; i++) {
      link.searchParams.set("cursor", cursor.slice(0, i) + (cursor[i] === "A" ? "B" : "A") + cursor.slice(i + 1));
      expect([i, (await fetch(link)).status]).toEqual([i, 400]);
    }
  });
});

test("/stats comes from Redis, from PostgreSQL while Redis is flushed or away, and soon from Redis again, always right", async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await temporaryFolder(stack, true);
  const { address, server: redis } = await startRedis({ folder, stack, guarded: true });
  const { hostname, port } = new URL(address);
  const live = stack.use(redisCounts({ host: hostname, port: Number(port), onError: () => undefined }));
  const server = stack.use(await startApi(live));
  const stop = new AbortController();
  const metrics = createMetrics("api", { processMetrics: false });
  const reader = postgresReader(database.newPool());
  const relay = countsRelay(
    { reader, live, metrics, logger, sleep, now: () => performance.now() },
    { intervalMs: 20 },
  )(stop.signal);
  stack.defer(async () => {
    stop.abort();
    await relay;
  });

  const stats = async () => {
    const answer = await fetch(urlOf(server, "/stats"));
    const { critical } = (await answer.json()) as { critical: number };
    return { critical, source: answer.headers.get("alertcast-stats-source") };
  };
  const { rows } = await database.pool.query("SELECT count(*) AS n FROM ticket WHERE severity = 'critical'");
  let critical: number = rows[0].n;
  const fromRedis = () =>
    waitFor(async () => (await stats()).source === "redis" && (await stats()).critical === critical, {
      what: "Redis to hold the counts of PostgreSQL",
    });
  await fromRedis();

  await flush(hostname, Number(port));
  expect((await stats()).critical).toBe(critical);
  await fromRedis();

  await redis.stop();
  await insertTickets(database.pool, [{ severity: "critical" }]);
  critical += 1;
  await waitFor(async () => (await stats()).source === "postgres", { what: "PostgreSQL to answer for Redis" });
  expect(await stats()).toEqual({ critical, source: "postgres" });

  await redis.start();
  await fromRedis();
});

async function flush(host: string, port: number): Promise<void> {
  const client = new Redis({ host, port });
  try {
    await client.flushall();
  } finally {
    client.disconnect();
  }
}
