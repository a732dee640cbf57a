// How services start, refuse, halt and end.
import { Kafka, logLevel } from "kafkajs";
import { expect, it } from "vitest";
import { type Cluster, isCaughtUp, type Running, startCluster } from "./cluster.ts";
import { freshDatabase } from "./harness/database.ts";
import { spawnService } from "./harness/spawn-service.ts";
import { waitFor } from "./harness/wait.ts";
import { load } from "./load.ts";
import { differences, readDatabase } from "./oracle/compare.ts";
import { dumpKafkaTopic } from "./oracle/dump.ts";
import { foldLog } from "./oracle/fold.ts";
import { rawTopic } from "./raw.ts";

const isReady = async ({ url }: Running) => (await fetch(`${url}/readyz`)).ok;

async function withAdmin<T>(cluster: Cluster, work: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING, retry: { retries: 10 } }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

async function halted(cluster: Cluster): Promise<string> {
  const { rows } = await cluster.pool.query("SELECT halted FROM partition_state WHERE halted IS NOT NULL");
  return rows[0]?.halted ?? "";
}

it("services that start before the database is migrated say so, wait, and go on", async () => {
  await using cluster = await startCluster();
  await using empty = await freshDatabase();
  const env = { PG_DB: empty.database };
  const processor = await cluster.processor("processor", env);
  const api = await cluster.api(env);
  for (const running of [processor, api]) {
    const saysSo = async () => (await (await fetch(`${running.url}/readyz`)).text()).includes("run alertcast migrate");
    await waitFor(saysSo, { what: "a service to say what is missing" });
    expect((await fetch(`${running.url}/livez`)).status).toBe(200);
  }
  const migration = {
    name: "migrate",
    entry: "cmd/alertcast/main.ts",
    args: ["migrate"],
    env: { ...cluster.env, ...env },
  };
  expect((await (await spawnService(migration)).exited).code).toBe(0);
  for (const running of [processor, api]) await waitFor(() => isReady(running), { what: "a service to be ready" });
});

it("services that start while PostgreSQL and Kafka are away wait for them", async () => {
  await using cluster = await startCluster();
  const away = { PG_PORT: "1", KAFKA_BROKER: "127.0.0.1:1" };
  const services = [await cluster.processor("processor", away), await cluster.ingestor(away), await cluster.api(away)];
  for (const running of services) {
    await waitFor(async () => (await fetch(`${running.url}/readyz`)).status === 503, {
      what: "a service to answer 503",
    });
    running.service.kill("SIGTERM");
    expect((await running.service.exited).code).toBe(0);
  }
});

it("SIGTERM under load finishes or rolls back the batch and ends with 0", async () => {
  await using cluster = await startCluster({ partitions: 3 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  const messages = load({ seed: 7, events: 6000, devices: 100 });
  const first = await cluster.processor("first");
  for (let i = 0; i < messages.length; i += 500) await raw.send(messages.slice(i, i + 500));
  await first.service.waitForLog("partitions assigned");
  first.service.kill("SIGTERM");
  expect(await first.service.exited).toEqual({ code: 0, signal: null });
  await cluster.processor("second");
  await waitFor(async () => isCaughtUp(cluster, raw), { what: "all to be applied" });
  const dump = await dumpKafkaTopic({ brokers: cluster.brokers, topic: cluster.topic });
  expect(differences(foldLog(dump, { partitions: 3 }), await readDatabase(cluster.pool))).toEqual([]);
});

it("a topic with producers' time is refused at start", async () => {
  await using cluster = await startCluster({ config: { "message.timestamp.type": "CreateTime" } });
  const { service } = await cluster.processor("processor");
  expect((await service.exited).code).toBe(2);
  expect(service.logs().join("\n")).toContain("it must be LogAppendTime");
});

it("a malformed variable stops the program and is named", async () => {
  await using cluster = await startCluster();
  for (const [variable, running] of [
    ["METRICS_PORT", await cluster.processor("p", { METRICS_PORT: "many" })],
    ["INGEST_RATE", await cluster.ingestor({ INGEST_RATE: "-1" })],
    ["REDIS_ADDR", await cluster.api({ REDIS_ADDR: "nowhere:port" })],
  ] as const) {
    expect((await running.service.exited).code).toBe(2);
    expect(running.service.logs().join("\n")).toContain(variable);
  }
});

it("a topic that was made anew halts its partitions instead of skipping or repeating", async () => {
  await using cluster = await startCluster({ partitions: 1 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  const bad = (id: string) => [{ key: "d", value: JSON.stringify({ device_id: "d", temperature: 90, event_id: id }) }];
  {
    const { service } = await cluster.processor("before");
    await raw.send([...bad("a"), ...bad("b")]);
    await waitFor(async () => isCaughtUp(cluster, raw), { what: "all to be applied" });
    service.kill("SIGTERM");
    await service.exited;
  }
  await withAdmin(cluster, async (admin) => {
    await admin.deleteTopics({ topics: [cluster.topic] });
    const gone = async () => !(await admin.listTopics()).includes(cluster.topic);
    await waitFor(gone, { what: "the topic to be gone" });
    const configEntries = [{ name: "message.timestamp.type", value: "LogAppendTime" }];
    const make = () => admin.createTopics({ topics: [{ topic: cluster.topic, numPartitions: 1, configEntries }] });
    await waitFor(make, { what: "the topic to be made anew" });
  });
  const shorter = await cluster.processor("shorter");
  await waitFor(async () => (await halted(cluster)).includes("the log ends at"), {
    what: "a halt for a log that is shorter",
  });
  const isMeasured = async () =>
    /^alertcast_partition_halted\{.*\} 1$/m.test(await (await fetch(`${shorter.url}/metrics`)).text());
  await waitFor(isMeasured, { what: "the halt to be measured" });
  shorter.service.kill("SIGKILL");
  await using again = await rawTopic(cluster.brokers, cluster.topic);
  await waitFor(() => again.send([...bad("c"), ...bad("d"), ...bad("e")]).then(() => true), {
    what: "records to be written",
  });
  await cluster.processor("other");
  await waitFor(async () => (await halted(cluster)).includes("re-created"), { what: "a halt for other records" });
  const { rows } = await cluster.pool.query("SELECT occurrences FROM ticket");
  expect(rows).toEqual([{ occurrences: 2 }]);
});

it("a changed number of partitions halts the processor instead of giving devices other homes", async () => {
  await using cluster = await startCluster({ partitions: 2 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  const first = await cluster.processor("first");
  await raw.send(load({ seed: 1, events: 100, devices: 10 }));
  await waitFor(async () => isCaughtUp(cluster, raw), { what: "all to be applied" });
  first.service.kill("SIGTERM");
  await first.service.exited;
  await withAdmin(cluster, async (admin) => {
    await admin.createPartitions({ topicPartitions: [{ topic: cluster.topic, count: 3 }] });
    const grown = async () =>
      (await admin.fetchTopicMetadata({ topics: [cluster.topic] })).topics[0]?.partitions.length === 3;
    await waitFor(grown, { what: "the topic to have 3 partitions" });
  });
  const { service } = await cluster.processor("second");
  await service.waitForLog("had 2 partitions and has 3 now");
});
