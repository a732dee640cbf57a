import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import kafkajs, { type Admin } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tcpProxy } from "../../test/harness/proxy.ts";
import { services } from "../../test/harness/services.ts";
import { freshTopic } from "../../test/harness/topic.ts";
import { waitFor } from "../../test/harness/wait.ts";
import { expectSeamless, freshGroup, numbered, numberedValues, Reader, textRecord } from "../../test/log-reader.ts";
import { hasCode } from "../errors.ts";
import { logContract } from "./contract.ts";
import { ensureTopic, type KafkaLogOptions, kafkaLog } from "./kafka.ts";
import type { EventLog } from "./log.ts";

const foreign = (
  options: { socketFactory?: NonNullable<ConstructorParameters<typeof kafkajs.Kafka>[0]["socketFactory"]> } = {},
) => new kafkajs.Kafka({ clientId: "foreign", brokers: brokers(), logLevel: kafkajs.logLevel.NOTHING, ...options });
let admin: Admin;

beforeAll(async () => {
  admin = foreign().admin();
  await admin.connect();
});

afterAll(async () => {
  await admin?.disconnect();
});

function brokers(): string[] {
  return services().kafkaBrokers.split(",");
}

function openLog(topic: string, options: Partial<KafkaLogOptions> = {}): EventLog {
  return kafkaLog({
    brokers: brokers(),
    clientId: "test",
    topic,
    sessionTimeoutMs: 6_000,
    heartbeatMs: 500,
    ...options,
  });
}

logContract("Kafka", async (partitions) => {
  const topic = await freshTopic({ partitions });
  const deleteBefore = async (partition: number, offset: number): Promise<void> => {
    await admin.fetchTopicOffsets(topic); // without it the admin client does not know the topic
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
  };
  return { log: openLog(topic), deleteBefore };
});

/** Waits until the readers together hold each of the partitions once. */
async function shared(readers: readonly Reader[], partitions: number): Promise<void> {
  await waitFor(
    () => {
      const held = readers.flatMap((reader) => reader.assignments.at(-1) ?? []);
      return (
        held.length === partitions &&
        new Set(held).size === partitions &&
        readers.every((r) => r.assignments.length > 0)
      );
    },
    { what: "the group to share its partitions" },
  );
}

test("two consumers of a group share the partitions, and one gets them all when the other leaves", async () => {
  const topic = await freshTopic({ partitions: 4 });
  await using log = openLog(topic);
  await using otherLog = openLog(topic);
  const group = freshGroup();
  const all = [0, 1, 2, 3];
  await log.append(all.flatMap((partition) => numbered(partition, "r", 10)));
  await using stays = await Reader.open(log, group);
  await Promise.all(all.map((partition) => stays.received(partition, 10)));
  const leaves = await Reader.open(otherLog, group);
  await shared([stays, leaves], 4);
  const [mine, theirs] = [stays.assignments.at(-1) ?? [], leaves.assignments.at(-1) ?? []];
  expect([mine.length, theirs.length]).toEqual([2, 2]);

  await log.append(all.flatMap((partition) => numbered(partition, "s", 10)));
  await Promise.all(mine.map((partition) => stays.received(partition, 20)));
  await Promise.all(theirs.map((partition) => leaves.received(partition, 20)));
  for (const partition of mine) {
    expect(stays.values(partition)).toEqual([...numberedValues("r", 10), ...numberedValues("s", 10)]);
    expectSeamless(stays.batches, partition, 0);
  }

  await leaves[Symbol.asyncDispose]();
  await waitFor(() => stays.assignments.at(-1)?.length === 4, { what: "the partitions to come back" });
  await log.append(all.flatMap((partition) => numbered(partition, "t", 10)));
  await Promise.all(mine.map((partition) => stays.received(partition, 30)));
  for (const partition of mine) expectSeamless(stays.batches, partition, 0);
  for (const partition of theirs) {
    await waitFor(() => stays.records(partition).at(-1)?.offset === 29, { what: `all of partition ${partition}` });
    const offsets = new Set([...stays.records(partition), ...leaves.records(partition)].map(({ offset }) => offset));
    expect(offsets.size).toBe(30);
  }
});

test("the partitions of a member that vanished without leaving go to the one that is left", async () => {
  const topic = await freshTopic({ partitions: 2 });
  await using log = openLog(topic);
  const group = freshGroup();
  await using stays = await Reader.open(log, group);
  await stays.isAssigned();
  const sockets: Socket[] = [];
  let vanished = false;
  const client = foreign({
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port }, onConnect);
      sockets.push(socket);
      return vanished ? socket.destroy(new Error("vanished")) : socket;
    },
  });
  const retry = { retries: 0, restartOnFailure: async () => false };
  const member = client.consumer({
    groupId: group,
    sessionTimeout: 6_000,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 100,
    retry,
  });
  await member.connect();
  await member.subscribe({ topic });
  await member.run({ eachMessage: async () => undefined });
  await waitFor(() => stays.assignments.at(-1)?.length === 1, { what: "the foreign member to get its share" });
  vanished = true;
  for (const socket of sockets) socket.destroy(new Error("vanished"));
  await waitFor(() => stays.assignments.at(-1)?.length === 2, { what: "the partitions to come back" });
  await log.append([textRecord(0, "a"), textRecord(1, "b")]);
  await Promise.all([stays.received(0, 1), stays.received(1, 1)]);
  await member.disconnect();
});

test("a rebalance neither wakes a paused partition nor moves it", async () => {
  const topic = await freshTopic({ partitions: 2 });
  await using log = openLog(topic);
  await using otherLog = openLog(topic);
  const group = freshGroup();
  await log.append([...numbered(0, "r", 5), ...numbered(1, "r", 5)]);
  await using stays = await Reader.open(log, group);
  await Promise.all([stays.received(0, 5), stays.received(1, 5)]);
  for (const partition of [0, 1]) stays.consumer.pause(partition);
  await log.append([...numbered(0, "s", 5), ...numbered(1, "s", 5)]);
  const leaves = await Reader.open(otherLog, group, () => undefined);
  await shared([stays, leaves], 2);
  const kept = stays.assignments.at(-1)?.[0] ?? 0;
  await leaves[Symbol.asyncDispose]();
  const given = 1 - kept;
  await stays.received(given, 15);
  expect(stays.records(kept)).toHaveLength(5);
  stays.consumer.resume(kept);
  await stays.received(kept, 10);
  expect(stays.values(kept)).toEqual([...numberedValues("r", 5), ...numberedValues("s", 5)]);
});

test("compressed records of other producers are read", async () => {
  const topic = await freshTopic({ partitions: 1 });
  await using log = openLog(topic);
  const producer = foreign().producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  for (const compression of [kafkajs.CompressionTypes.GZIP, kafkajs.CompressionTypes.ZSTD]) {
    const messages = numberedValues("r", 100).map((value) => ({ value, headers: { twice: ["a", "b"] } }));
    await producer.send({ topic, compression, messages });
  }
  await producer.disconnect();
  await using reader = await Reader.open(log);
  const records = await reader.received(0, 200);
  expect(reader.values(0)).toEqual([...numberedValues("r", 100), ...numberedValues("r", 100)]);
  expect(records[0]?.headers).toEqual({ twice: "b" });
  reader.batches.length = 0;
  reader.consumer.seek(0, 150);
  await reader.received(0, 50);
  expect(reader.records(0)[0]?.offset).toBe(150);
});

test("aborted records are left out and control records still move the position", async () => {
  const topic = await freshTopic({ partitions: 1 });
  await using log = openLog(topic);
  await log.append([textRecord(0, "plain")]);
  await using reader = await Reader.open(log);
  await reader.received(0, 1);
  const producer = foreign().producer({
    transactionalId: randomBytes(8).toString("hex"),
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  for (const end of ["commit", "abort"] as const) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: `${end}-0` }, { value: `${end}-1` }] });
    await transaction[end]();
  }
  await producer.disconnect();
  await waitFor(() => reader.batches.at(-1)?.nextOffset === 7, {
    what: "the position to pass the last control record",
  });
  await log.append([textRecord(0, "last")]);
  await reader.received(0, 4);
  expect(reader.values(0)).toEqual(["plain", "commit-0", "commit-1", "last"]);
  expectSeamless(reader.batches, 0, 0);
});

test("a consumer that starts before the brokers and the topic joins when they are there", async () => {
  const topic = `late-${randomBytes(6).toString("hex")}`;
  await using proxy = await tcpProxy({ targetPort: Number(brokers()[0]?.split(":")[1]) });
  proxy.pause();
  await using log = openLog(topic, {
    brokers: [`127.0.0.1:${proxy.port}`],
    appendTimeoutMs: 1_000,
    adminTimeoutMs: 1_000,
  });
  await using reader = await Reader.open(log);
  await expect(log.describe()).rejects.toSatisfy((error) => hasCode(error, "unavailable"));
  await expect(log.append([textRecord(0, "lost")])).rejects.toSatisfy((error) => hasCode(error, "unavailable"));
  proxy.resume();
  await expect(log.describe()).rejects.toSatisfy((error) => hasCode(error, "unavailable"));
  await ensureTopic({ brokers: brokers(), topic, partitions: 2 });
  await waitFor(() => log.append([textRecord(1, "hello")]).then(() => true), { what: "an append" });
  await reader.received(1, 1);
  expect(reader.values(1)[0]).toBe("hello");
});

test("ensureTopic makes the topic once, with the append time of the log", async () => {
  const topic = `made-${randomBytes(6).toString("hex")}`;
  const config = { "message.timestamp.type": "LogAppendTime", "retention.ms": "3600000" };
  await ensureTopic({ brokers: brokers(), topic, partitions: 2, config });
  await ensureTopic({ brokers: brokers(), topic, partitions: 2, config });
  await using log = openLog(topic);
  expect(await log.describe()).toMatchObject({ topic, partitions: 2, timestampType: "LogAppendTime" });
  const other = ensureTopic({ brokers: brokers(), topic, partitions: 3 });
  await expect(other).rejects.toSatisfy((error) => hasCode(error, "conflict"));
});

test("a topic with the producers' time says so", async () => {
  const topic = await freshTopic({ partitions: 1, config: { "message.timestamp.type": "CreateTime" } });
  await using log = openLog(topic);
  expect(await log.describe()).toMatchObject({ timestampType: "CreateTime" });
});

test("a topic with a smaller limit takes small records and refuses the large one", async () => {
  const topic = await freshTopic({ partitions: 1, config: { "max.message.bytes": "20000" } });
  await using log = openLog(topic);
  await log.append(numbered(0, "x".repeat(1_000), 100));
  const large = { partition: 0, key: null, value: randomBytes(30_000) };
  await expect(log.append([large])).rejects.toSatisfy((error) => hasCode(error, "too-large"));
  await using reader = await Reader.open(log);
  await reader.received(0, 100);
  expect(reader.values(0)).toEqual(numberedValues("x".repeat(1_000), 100));
});

test("an append to a partition the topic does not have is unavailable, not lost in silence", async () => {
  const topic = await freshTopic({ partitions: 1 });
  await using log = openLog(topic, { appendTimeoutMs: 300 });
  await expect(log.append([textRecord(7, "x")])).rejects.toSatisfy((error) => hasCode(error, "unavailable"));
});

test("too many waiting bytes are throttled at once", async () => {
  const topic = await freshTopic({ partitions: 2 });
  await using log = openLog(topic, { maxQueuedBytes: 1_000 });
  const big = (partition: number) => ({ partition, key: null, value: Buffer.alloc(900) });
  const first = log.append([big(0)]);
  await expect(log.append([big(1), big(0)])).rejects.toSatisfy((error) => hasCode(error, "throttled"));
  await log.append([big(1)]);
  await first;
  expect((await log.ranges()).map((range) => range.end)).toEqual([1, 1]);
});

test("what is committed can be read by others with its metadata", async () => {
  const topic = await freshTopic({ partitions: 2 });
  await using log = openLog(topic);
  const group = freshGroup();
  await using reader = await Reader.open(log, group);
  await expect(reader.consumer.commit([{ partition: 0, offset: 1 }])).rejects.toSatisfy((e) =>
    hasCode(e, "unavailable"),
  );
  await reader.isAssigned();
  await reader.consumer.commit([{ partition: 1, offset: 5, metadata: "busy" }]);
  const committed = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  expect(committed[0]?.partitions.find(({ partition }) => partition === 1)).toMatchObject({
    offset: "5",
    metadata: "busy",
  });
});

test("a consumer ends with the error when its listener throws", async () => {
  const topic = await freshTopic({ partitions: 1 });
  await using log = openLog(topic);
  await log.append([textRecord(0, "a")]);
  const reader = await Reader.open(log);
  reader.batch = () => {
    throw new TypeError("a fault in the listener");
  };
  await expect(reader.consumer.ended).rejects.toSatisfy((error) => hasCode(error, "internal"));
});
