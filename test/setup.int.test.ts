// The one-shot set-up against a real PostgreSQL and Kafka, and services that run with just the rights it gives.
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import kafkajs, { Kafka, logLevel } from "kafkajs";
import pg from "pg";
import { expect, it } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";
import { freshDatabase } from "./harness/database.ts";
import { spawnService } from "./harness/spawn-service.ts";
import { temporaryFolder } from "./harness/start-services.ts";
import { waitFor } from "./harness/wait.ts";

interface World extends AsyncDisposable {
  readonly env: Record<string, string>;
  readonly processor: { PG_USER: string; PG_PASSWORD_FILE: string };
  readonly api: { PG_USER: string; PG_PASSWORD_FILE: string };
  setUp(extra?: Record<string, string>): Promise<{ code: number | null; logs: string }>;
  as(user: { PG_USER: string }, password: string): pg.Client;
}

async function world(): Promise<World & { cluster: Cluster }> {
  const stack = new AsyncDisposableStack();
  const folder = await temporaryFolder(stack, true);
  const cluster = stack.use(await startCluster());
  const mark = randomBytes(4).toString("hex");
  // After the database, whose rights they hold.
  stack.defer(async () => {
    for (const name of ["processor", "api"]) await cluster.pool.query(`DROP ROLE IF EXISTS ${name}_${mark}`);
  });
  const database = stack.use(await freshDatabase());
  const login = async (name: string) => {
    const file = join(folder, name);
    await writeFile(file, `${name}-password\n`);
    return { PG_USER: `${name}_${mark}`, PG_PASSWORD_FILE: file };
  };
  const [processor, api] = [await login("processor"), await login("api")];
  const env: Record<string, string> = { ...cluster.env, PG_DB: database.database };
  return {
    cluster,
    env,
    processor,
    api,
    async setUp(extra = {}) {
      const roles = {
        SETUP_PROCESSOR_USER: processor.PG_USER,
        SETUP_PROCESSOR_PASSWORD_FILE: processor.PG_PASSWORD_FILE,
        SETUP_API_USER: api.PG_USER,
        SETUP_API_PASSWORD_FILE: api.PG_PASSWORD_FILE,
        SETUP_DEADLINE_SECONDS: "120",
      };
      await using setup = await spawnService({
        name: "setup",
        entry: "cmd/setup/main.ts",
        env: { ...env, ...roles, ...extra },
      });
      const { code } = await setup.exited;
      return { code, logs: setup.logs().join("\n") };
    },
    as: (user, password) =>
      new pg.Client({ ...database, user: user.PG_USER, password, connectionTimeoutMillis: 10_000 }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Names of what was set for the topic itself, the broker's defaults left out. */
async function configuredOf({ brokers }: Cluster, topic: string): Promise<string[]> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
    });
    const entries = resources[0]?.configEntries ?? [];
    return entries.filter(({ isDefault }) => !isDefault).map(({ configName }) => configName);
  } finally {
    await admin.disconnect();
  }
}

it("an empty database gets schema and roles, a second run changes nothing, and services work with those rights alone", async () => {
  await using w = await world();
  const first = await w.setUp({
    SETUP_TOPICS: "true",
    TOPIC_EVENTS: `${w.env.TOPIC_EVENTS}-new`,
    TOPIC_PARTITIONS: "3",
  });
  expect(first.code, first.logs).toBe(0);
  expect(first.logs).toContain('"outcome":"made"');
  expect(first.logs).toContain("topic is there");
  expect(await configuredOf(w.cluster, `${w.env.TOPIC_EVENTS}-new`)).toEqual(
    expect.arrayContaining(["message.timestamp.type", "min.insync.replicas", "retention.ms"]),
  );
  const second = await w.setUp();
  expect(second.code, second.logs).toBe(0);
  expect(second.logs).toContain('"applied":[]');
  expect(second.logs).not.toContain('"outcome":"made"');

  const noPassword = { ...w.env, PG_PASSWORD: "" };
  const ingestor = await w.cluster.ingestor();
  await w.cluster.processor("processor", { ...noPassword, ...w.processor });
  const api = await w.cluster.api({ ...noPassword, ...w.api });
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ device_id: "setup-1", status: "offline" });
  const send = async () =>
    (await fetch(`${ingestor.url}/api/v1/events`, { method: "POST", headers, body })).status === 202;
  await waitFor(send, { what: "the ingestor to take an event" });
  const tickets = async () =>
    JSON.stringify(await (await fetch(`${api.url}/tickets/recent`)).json()).includes("setup-1");
  await waitFor(tickets, { what: "the ticket", deadlineMs: 120_000 });
  expect((await fetch(`${api.url}/api/v1/dead-letters`)).status).toBe(200);

  for (const [user, password, statements] of [
    [w.api, "api-password", ["DELETE FROM ticket", "CREATE TABLE x (y int)", "UPDATE ticket_count SET n = 0"]],
    [w.processor, "processor-password", ["CREATE TABLE x (y int)", "DROP TABLE ticket"]],
  ] as const) {
    const client = w.as(user, password);
    await client.connect();
    try {
      for (const statement of statements) {
        await expect(client.query(statement), statement).rejects.toMatchObject({ code: "42501" });
      }
    } finally {
      await client.end();
    }
  }
});

it("a changed password takes effect at the next run", async () => {
  await using w = await world();
  expect((await w.setUp()).code).toBe(0);
  await writeFile(w.api.PG_PASSWORD_FILE, "a new one");
  expect((await w.setUp()).code).toBe(0);
  const old = w.as(w.api, "api-password");
  await expect(old.connect()).rejects.toMatchObject({ code: "28P01" });
  const now = w.as(w.api, "a new one");
  await now.connect();
  await now.end();
});

it("a set-up that cannot end in time fails and says what it waited for", async () => {
  await using w = await world();
  const { code, logs } = await w.setUp({ PG_PORT: "1", SETUP_DEADLINE_SECONDS: "1" });
  expect(code).toBe(1);
  expect(logs).toContain("not done in time: PostgreSQL does not answer");
});
