// C3: two writers that meet the same devices in opposite orders. Records without keys lie on every partition; each is
// moved to its device's home, so only one processor ever writes a device's tickets.
import { expect, it } from "vitest";
import { isCaughtUp, startCluster } from "../cluster.ts";
import { waitFor } from "../harness/wait.ts";
import { rawTopic } from "../raw.ts";
import { BAD, E, expectOracle, GOOD } from "./support.ts";

const DEVICES = 200;
const ROUNDS = 50;
const PARTITIONS = 6;

it("C3 devices that lie on all partitions in opposite orders lose nothing, double nothing and lock nobody out", {
  timeout: 600_000,
}, async () => {
  await using cluster = await startCluster({ partitions: PARTITIONS });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  const deadlocks = async () => {
    const { rows } = await cluster.pool.query(
      "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    );
    return Number(rows[0]?.deadlocks);
  };
  const before = await deadlocks();
  for (const name of ["p1", "p2", "p3"]) await cluster.processor(name);
  const ascending = Array.from({ length: DEVICES }, (_, i) => `c3-${String(i).padStart(3, "0")}`);
  const descending = [...ascending].reverse();
  for (let round = 0; round < ROUNDS; round++) {
    const fields = round % 2 === 0 ? BAD : GOOD;
    const messages = ascending.flatMap((_, i) =>
      Array.from({ length: PARTITIONS }, (_, partition) => {
        const device = (partition % 2 === 0 ? ascending : descending)[i] ?? "";
        return { partition, value: E(device, fields) };
      }),
    );
    await raw.send(messages);
  }
  await waitFor(async () => isCaughtUp(cluster, raw), { what: "all to be applied", deadlineMs: 300_000 });
  const { database } = await expectOracle(cluster, raw);
  expect(new Set(database.tickets.map(({ rule, device }) => `${rule}/${device}`)).size).toBe(DEVICES);
  expect(database.tickets).toHaveLength(DEVICES);
  expect(await deadlocks()).toBe(before);
});
