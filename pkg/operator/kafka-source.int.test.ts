import { Kafka, logLevel } from "kafkajs";
import { expect, test } from "vitest";
import { tcpProxy } from "../../test/harness/proxy.ts";
import { services } from "../../test/harness/services.ts";
import { freshTopic } from "../../test/harness/topic.ts";
import { waitFor } from "../../test/harness/wait.ts";
import { rawTopic } from "../../test/raw.ts";
import { hasCode } from "../errors.ts";
import { kafkaSource } from "./kafka-source.ts";

const brokers = services().kafkaBrokers.split(",");
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

/** A member of the group that takes everything and commits what it is told to. */
async function member(groupId: string, topics: readonly string[]) {
  const kafka = new Kafka({ clientId: "member", brokers, logLevel: logLevel.NOTHING, retry: { retries: 15 } });
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  for (const topic of topics) await consumer.subscribe({ topic, fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({ autoCommit: false, eachMessage: async () => undefined });
  await joined;
  return { consumer, [Symbol.asyncDispose]: () => consumer.disconnect() };
}

test("a group that nobody has joined: no member, nothing committed, and the ends of the log", async () => {
  const topic = await freshTopic({ partitions: 3 });
  await using raw = await rawTopic(brokers, topic);
  await raw.send([{ value: "a", partition: 1 }]);
  await using source = kafkaSource({ clientId: "test" });
  const seen = await source.observe({ brokers, groupId: `nobody-${topic}`, topics: [topic] });
  expect(seen.group).toEqual({ state: "Dead", members: [] });
  const nothing = { topic, committed: undefined, start: 0, busy: undefined };
  expect(seen.partitions).toEqual([
    { ...nothing, partition: 0, end: 0 },
    { ...nothing, partition: 1, end: 1 },
    { ...nothing, partition: 2, end: 0 },
  ]);
});

test("two topics of one group: offsets with what was written beside them, and who has which partition", async () => {
  const [a, b] = [await freshTopic({ partitions: 2 }), await freshTopic({ partitions: 1 })];
  await using raw = await rawTopic(brokers, a);
  await raw.send(Array.from({ length: 5 }, () => ({ value: "x", partition: 0 })));
  const groupId = `group-${a}`;
  await using first = await member(groupId, [a, b]);
  await using second = await member(groupId, [a, b]);
  await using source = kafkaSource({ clientId: "test" });
  const spec = { brokers, groupId, topics: [a, b] };
  const commit = async () => {
    const offsets = [
      { topic: a, partition: 0, offset: "3", metadata: '{"busyMs":12,"n":3}' },
      { topic: a, partition: 1, offset: "0", metadata: "somebody else's words" },
      { topic: b, partition: 0, offset: "0", metadata: '{"busyMs":-1,"n":"3"}' },
    ];
    await Promise.any([first, second].map(({ consumer }) => consumer.commitOffsets(offsets)));
  };
  const seen = await waitFor(
    async () => {
      await commit();
      const now = await source.observe(spec);
      return now.group.state === "Stable" && now.group.members.length === 2 ? now : undefined;
    },
    { what: "both to be members" },
  );
  expect(seen.partitions).toEqual([
    { topic: a, partition: 0, committed: 3, start: 0, end: 5, busy: { busyMs: 12, n: 3 } },
    { topic: a, partition: 1, committed: 0, start: 0, end: 0, busy: undefined },
    { topic: b, partition: 0, committed: 0, start: 0, end: 0, busy: undefined },
  ]);
  const dealt = seen.group.members.flatMap(({ partitions }) =>
    partitions.map((each) => `${each.topic}/${each.partition}`),
  );
  expect(dealt.sort()).toEqual([`${a}/0`, `${a}/1`, `${b}/0`].sort());
});

test("with one topic missing nothing is seen at all, and no topic is made", async () => {
  const topic = await freshTopic({ partitions: 1 });
  await using source = kafkaSource({ clientId: "test" });
  const spec = { brokers, groupId: "g", topics: [topic, `missing-${topic}`] };
  for (let n = 0; n < 2; n++) expect(hasCode(await failure(source.observe(spec)), "unavailable")).toBe(true);
});

test("a broker that hangs is given up at the deadline, and seen again when it answers", async () => {
  const topic = await freshTopic({ partitions: 1 });
  const [host = "", port = ""] = (brokers[0] ?? "").split(":");
  await using proxy = await tcpProxy({ targetHost: host, targetPort: Number(port) });
  await using source = kafkaSource({ clientId: "test", timeoutMs: 2_000 });
  const spec = { brokers: [`127.0.0.1:${proxy.port}`], groupId: "g", topics: [topic] };
  proxy.pause();
  expect(hasCode(await failure(source.observe(spec)), "unavailable")).toBe(true);
  expect(hasCode(await failure(source.observe(spec)), "unavailable")).toBe(true);
  proxy.resume();
  await waitFor(() => source.observe(spec), { what: "the broker to be seen again" });
});
