// B3: age is counted from arrival: an event with an old or impossible time of its own outlives the log's retention pass.
// On a broker of its own, whose retention pass comes every half second instead of every five minutes.
import { randomBytes } from "node:crypto";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { type Admin, Kafka, logLevel, type Producer } from "kafkajs";
import { expect, it } from "vitest";
import { type Cluster, startCluster } from "../cluster.ts";
import { startKafka } from "../harness/start-kafka.ts";
import { temporaryFolder } from "../harness/start-services.ts";
import { SERVICE_VARIABLES } from "../harness/tools.ts";
import { waitFor } from "../harness/wait.ts";
import { rawTopic } from "../raw.ts";
import { BAD, E, expectOracle, ingest, readyIngestor, stop, ticketLines } from "./support.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const PASSES = "log.retention.check.interval.ms=500\nlog.initial.task.delay.ms=500\n";
const CONFIG_RESOURCE_TOPIC = 2;

/** Starts the broker and makes it the one that clusters are built on until the stack is disposed. */
async function brokerWithQuickPasses(stack: AsyncDisposableStack): Promise<void> {
  const folder = await temporaryFolder(stack, true);
  const { address, server } = await startKafka({ folder, stack, guarded: true });
  await appendFile(join(folder, "kafka", "server.properties"), PASSES);
  await server.restart("SIGTERM");
  const before = process.env[SERVICE_VARIABLES.kafka];
  process.env[SERVICE_VARIABLES.kafka] = address;
  stack.defer(() => {
    process.env[SERVICE_VARIABLES.kafka] = before;
  });
}

async function kafkaClients(brokers: readonly string[], stack: AsyncDisposableStack) {
  const kafka = new Kafka({ clientId: "b3", brokers: [...brokers], logLevel: logLevel.NOTHING });
  const clients = { admin: kafka.admin(), producer: kafka.producer() };
  for (const client of [clients.admin, clients.producer]) {
    await client.connect();
    stack.defer(() => client.disconnect());
  }
  return clients;
}

/** The topic the ingestor made is stamped by the broker; it is given a retention of an hour and segments of a second. */
async function shortenRetention(admin: Admin, topic: string): Promise<void> {
  const resource = { type: CONFIG_RESOURCE_TOPIC, name: topic };
  const described = await admin.describeConfigs({ resources: [resource], includeSynonyms: false });
  const stamp = described.resources[0]?.configEntries.find(({ configName }) => configName === "message.timestamp.type");
  expect(stamp?.configValue).toBe("LogAppendTime");
  const configEntries = [
    { name: "message.timestamp.type", value: "LogAppendTime" },
    { name: "retention.ms", value: String(HOUR_MS) },
    { name: "segment.ms", value: "1000" },
  ];
  await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] });
}

/** Resolves once a whole retention pass has gone over the log: two records stamped with an old time are gone, one after the other. */
async function retentionPass(admin: Admin, producer: Producer): Promise<void> {
  const topic = `expiring-${randomBytes(4).toString("hex")}`;
  const settings = { "message.timestamp.type": "CreateTime", "retention.ms": String(HOUR_MS) };
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1, configEntries }] });
  const messages = [{ value: "old", timestamp: String(Date.now() - 30 * DAY_MS) }];
  for (const low of [1, 2]) {
    await producer.send({ topic, messages });
    const isGone = async () => (await admin.fetchTopicOffsets(topic)).every((offsets) => Number(offsets.low) === low);
    await waitFor(isGone, { what: `record ${low} of an expiring topic to expire` });
  }
}

it("B3 events with a time of long ago are still there after a retention pass, and become tickets", async () => {
  await using stack = new AsyncDisposableStack();
  await brokerWithQuickPasses(stack);
  await using made = await startCluster();
  const cluster: Cluster = { ...made, topic: "device_events" };
  const env = { TOPIC_EVENTS: cluster.topic };
  const ingestor = await readyIngestor(cluster, env);
  const { admin, producer } = await kafkaClients(cluster.brokers, stack);
  await shortenRetention(admin, cluster.topic);

  const sentMs = Date.now();
  const old = E("d-old", { ...BAD, ts: new Date(sentMs - 30 * DAY_MS).toISOString() });
  const clockless = E("d-clockless", { ...BAD, ts: "1970-01-01T00:00:12Z" });
  const answer = await ingest(ingestor, `${old}\n${clockless}`);
  const answeredMs = Date.now();
  expect(answer).toMatchObject({ status: 202, accepted: 2 });
  await retentionPass(admin, producer);
  await stop(ingestor);

  await cluster.processor("processor", env);
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  const { dump, database } = await expectOracle(cluster, raw);
  expect(ticketLines(database)).toEqual(["temperature/d-clockless high open x1", "temperature/d-old high open x1"]);
  const arrivals = dump.flatMap(({ value, appendTimeMs }) => (value === null ? [] : [appendTimeMs]));
  expect(arrivals).toHaveLength(2);
  for (const arrivalMs of arrivals) {
    expect(arrivalMs).toBeGreaterThanOrEqual(sentMs);
    expect(arrivalMs).toBeLessThanOrEqual(answeredMs);
  }
});
