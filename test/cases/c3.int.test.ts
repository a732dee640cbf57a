// C3: records without keys put each device on every partition, in opposite orders: no two writers wait for each other's rows.
import { expect, it } from "vitest";
import { type Cluster, startCluster } from "../cluster.ts";
import { rawTopic } from "../raw.ts";
import { E, expectOracle, stop } from "./support.ts";

const PARTITIONS = 6;
const ROUNDS = 50;
const DEVICES = Array.from({ length: 200 }, (_, i) => `dev-${String(i).padStart(3, "0")}`);
const REVERSED = DEVICES.toReversed();

/** One event of each device on each partition; without a ts, for between partitions nobody can say which is late. */
function round() {
  return Array.from({ length: PARTITIONS }, (_, partition) =>
    (partition % 2 === 0 ? DEVICES : REVERSED).map((device) => ({
      partition,
      value: E(device, { temperature: 91, status: "degraded", ts: undefined }),
    })),
  ).flat();
}

async function deadlocks(cluster: Cluster): Promise<number> {
  const counted = "SELECT deadlocks::float8 AS n FROM pg_stat_database WHERE datname = current_database()";
  return (await cluster.pool.query<{ n: number }>(counted)).rows[0]?.n ?? Number.NaN;
}

it("C3 three writers that meet the same devices in opposite orders do not deadlock", async () => {
  await using cluster = await startCluster({ partitions: PARTITIONS });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  const before = await deadlocks(cluster);
  const processors = await Promise.all(["p1", "p2", "p3"].map((name) => cluster.processor(name)));
  for (let n = 0; n < ROUNDS; n++) await raw.send(round());
  const { database, oracle } = await expectOracle(cluster, raw);

  // One open ticket per device and rule, in which each event was counted.
  const found = database.tickets.map(
    ({ rule, device, status, occurrences }) => `${rule}/${device} ${status} ${occurrences}`,
  );
  const wanted = ["device-degraded", "temperature"].flatMap((rule) =>
    DEVICES.map((device) => `${rule}/${device} open ${PARTITIONS * ROUNDS}`),
  );
  expect(found.sort()).toEqual(wanted.sort());
  expect(oracle.counts.away).toBe((PARTITIONS - 1) * DEVICES.length * ROUNDS);
  // What a connection has counted is seen at the latest when it has ended.
  for (const processor of processors) await stop(processor);
  expect(await deadlocks(cluster)).toBe(before);
});
