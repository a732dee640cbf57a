// What processors tell the scaler through Kafka: how far they are, how busy they were, and who they are.
import { expect, test } from "vitest";
import { AlertCastError } from "../pkg/errors.ts";
import type { EventLog } from "../pkg/log/log.ts";
import { kafkaSource } from "../pkg/operator/kafka-source.ts";
import type { LagSource, SourceObservation } from "../pkg/operator/source.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { waitFor } from "./harness/wait.ts";
import { processorInProcess } from "./in-process.ts";
import { rawTopic } from "./raw.ts";

const event = (i: number) => ({
  key: `dev-${i % 50}`,
  value: JSON.stringify({ device_id: `dev-${i % 50}`, status: "online", temperature: 20, event_id: String(i) }),
});
const events = (n: number) => Array.from({ length: n }, (_, i) => event(i));

function sourceOf(cluster: Cluster): { source: LagSource; look: () => Promise<SourceObservation> } {
  const source = kafkaSource({ clientId: "test" });
  const spec = { brokers: cluster.brokers, groupId: cluster.env.CONSUMER_GROUP ?? "", topics: [cluster.topic] };
  return { source, look: () => source.observe(spec) };
}

const lagOf = ({ partitions }: SourceObservation) =>
  partitions.reduce((sum, { committed, start, end }) => sum + end - (committed ?? start), 0);

test("a processor commits how long it was busy and with how much, which the scaler's source reads", async () => {
  await using cluster = await startCluster({ partitions: 4 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor");
  await raw.send(events(2_000));
  const { source, look } = sourceOf(cluster);
  await using _source = source;
  const seen = await waitFor(
    async () => {
      const now = await look();
      return now.group.members.length === 1 && lagOf(now) === 0 && now.partitions.every(({ busy }) => busy)
        ? now
        : undefined;
    },
    { what: "all to be committed" },
  );
  expect(seen.group.state).toBe("Stable");
  expect(seen.group.members.flatMap((member) => member.partitions.map(({ partition }) => partition)).sort()).toEqual([
    0, 1, 2, 3,
  ]);
  for (const { busy } of seen.partitions) {
    expect(busy?.busyMs).toBeGreaterThanOrEqual(0);
    expect(busy?.n).toBeGreaterThanOrEqual(0);
  }
  expect(seen.partitions.some(({ busy }) => busy !== undefined && busy.n > 0 && busy.busyMs > 0)).toBe(true);
});

test("a commit that failed is made up for, though nothing more arrives: the group does not seem to lag for ever", async () => {
  await using cluster = await startCluster({ partitions: 2 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  let failing = true;
  let failed = 0;
  const wrap = (log: EventLog): EventLog => ({
    describe: () => log.describe(),
    ranges: () => log.ranges(),
    append: (records) => log.append(records),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
    async consume(group, listener) {
      const consumer = await log.consume(group, listener);
      const commit = consumer.commit.bind(consumer);
      consumer.commit = async (offsets) => {
        if (!failing) return commit(offsets);
        failed += offsets.filter(({ offset }) => offset > 0).length;
        throw new AlertCastError("unavailable", "the coordinator moved");
      };
      return consumer;
    },
  });
  await using processor = await processorInProcess(cluster, { wrap });
  await raw.send(events(200));
  const { source, look } = sourceOf(cluster);
  await using _source = source;
  const ends = async () => (await look()).partitions.map(({ end }) => end);
  await waitFor(
    async () => {
      const states = processor.processor.states();
      return failed > 0 && (await ends()).every((end, partition) => (states.get(partition)?.nextOffset ?? -1) >= end);
    },
    { what: "all to be applied, and a commit of it to have failed" },
  );
  failing = false;
  await waitFor(async () => lagOf(await look()) === 0, { what: "the offsets to be committed after all" });
});
