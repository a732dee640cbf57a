// The processor as a process of its own, on real Kafka and PostgreSQL.
import { expect, it } from "vitest";
import { isCaughtUp, startCluster } from "./cluster.ts";
import { waitFor } from "./harness/wait.ts";
import { differences, readDatabase } from "./oracle/compare.ts";
import { dumpKafkaTopic } from "./oracle/dump.ts";
import { foldLog } from "./oracle/fold.ts";
import { rawTopic } from "./raw.ts";

const event = (device: string, fields: object) => JSON.stringify({ device_id: device, status: "online", ...fields });

it("an event written straight to Kafka without a key becomes a ticket, and the next one resolves it", async () => {
  await using cluster = await startCluster();
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor");
  await raw.send([{ value: event("dev-1", { temperature: 91, event_id: "a" }), partition: 0 }]);
  await raw.send([{ value: event("dev-1", { temperature: 20, event_id: "b" }), partition: 0 }]);
  await raw.send([{ value: "not json", partition: 3 }]);
  await waitFor(async () => (await cluster.pool.query("SELECT FROM ticket WHERE status = 'resolved'")).rowCount === 1, {
    what: "the ticket to be resolved",
  });
  await waitFor(async () => isCaughtUp(cluster, raw), { what: "all to be applied" });
  const dump = await dumpKafkaTopic({ brokers: cluster.brokers, topic: cluster.topic });
  const oracle = foldLog(dump, { partitions: cluster.partitions });
  expect(differences(oracle, await readDatabase(cluster.pool))).toEqual([]);
  expect(oracle.tickets).toHaveLength(1);
  expect(oracle.deadLetters).toHaveLength(1);
});
