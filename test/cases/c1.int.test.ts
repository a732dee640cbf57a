// C1: poison in the middle of good records, and a stop while the database is away: nothing counts as done without its transaction.
// Left out: the same with OTLP export, which does not exist yet.
import { Kafka, logLevel } from "kafkajs";
import { expect, it } from "vitest";
import { type Cluster, startCluster } from "../cluster.ts";
import { type TcpProxy, tcpProxy } from "../harness/proxy.ts";
import { waitFor } from "../harness/wait.ts";
import { rawTopic } from "../raw.ts";
import { BAD, deadLetters, E, expectOracle, isReady, stop, ticketLines } from "./support.ts";

const POISON: readonly (readonly [Buffer | null, string])[] = [
  [null, "null-value"],
  [Buffer.alloc(0), "empty-value"],
  [Buffer.from("[]"), "not-an-object"],
  [Buffer.from('"x"'), "not-an-object"],
  [Buffer.from([0xff, 0xfe]), "invalid-utf8"],
];

const WAYS: readonly (readonly [string, (proxy: TcpProxy) => Promise<void> | void])[] = [
  ["refuses connections", (proxy) => proxy.close()],
  ["hangs", (proxy) => proxy.pause()],
];

/** What the group has committed in Kafka for partition 0; -1 = nothing. */
async function committedOffset(cluster: Cluster): Promise<number> {
  const kafka = new Kafka({ clientId: "c1", brokers: cluster.brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const groupId = cluster.env.CONSUMER_GROUP ?? "";
    const [topic] = await admin.fetchOffsets({ groupId, topics: [cluster.topic] });
    return Number(topic?.partitions.find(({ partition }) => partition === 0)?.offset);
  } finally {
    await admin.disconnect();
  }
}

it.each(WAYS)("C1 poison and a stop while PostgreSQL %s leave nothing undone", async (_, goAway) => {
  await using cluster = await startCluster({ partitions: 1 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await using proxy = await tcpProxy({ targetPort: cluster.database.port });
  const rows = async (sql: string) => (await cluster.pool.query(sql)).rows;

  const first = await cluster.processor("first", { PG_HOST: "127.0.0.1", PG_PORT: String(proxy.port) });
  await isReady(first, "the processor to be ready");
  const isClaimed = () => rows("SELECT FROM partition_state WHERE rule_set_id IS NOT NULL");
  await waitFor(async () => (await isClaimed()).length === 1, { what: "the partition to be claimed" });

  // The fence is the first statement of the batch's transaction; its answer gets lost and nobody is there any more.
  const reached = proxy.dropReplyAfter("SET next_offset = 7");
  const values = [Buffer.from(E("d1", BAD)), ...POISON.map(([value]) => value), Buffer.from(E("d2", BAD))];
  await raw.send(values.map((value) => ({ value, partition: 0 })));
  await reached;
  await goAway(proxy);
  await first.service.waitForLog("dependency away, trying again");
  await stop(first);
  expect(await rows("SELECT next_offset FROM partition_state")).toEqual([{ next_offset: 0 }]);
  expect(await rows("SELECT id FROM ticket UNION ALL SELECT id FROM dead_letter")).toEqual([]);
  expect(await committedOffset(cluster)).toBeLessThanOrEqual(0);

  await cluster.processor("second");
  const { database } = await expectOracle(cluster, raw);
  expect(ticketLines(database)).toEqual(["temperature/d1 high open x1", "temperature/d2 high open x1"]);
  expect(database.nextOffsets).toEqual(new Map([[0, 7]]));
  const letters = await deadLetters(cluster);
  expect(letters.map(({ value, code }) => [value, code])).toEqual(POISON);
});
