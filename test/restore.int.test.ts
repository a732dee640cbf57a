// A partition's new owner: snapshots, replay, damaged snapshots, and rule sets that change on the way.
import { expect, it } from "vitest";
import { type Cluster, isCaughtUp, startCluster } from "./cluster.ts";
import { waitFor } from "./harness/wait.ts";
import { processorInProcess } from "./in-process.ts";
import { load } from "./load.ts";
import { differences, readDatabase } from "./oracle/compare.ts";
import { dumpKafkaTopic } from "./oracle/dump.ts";
import { foldLog } from "./oracle/fold.ts";
import { type RawTopic, rawTopic } from "./raw.ts";

const SNAPSHOTS = { snapshotEveryEntries: 200 };

async function caughtUp(cluster: Cluster, raw: RawTopic): Promise<void> {
  await waitFor(async () => isCaughtUp(cluster, raw), { what: "all to be applied" });
}

async function oracleSays(cluster: Cluster): Promise<string[]> {
  const dump = await dumpKafkaTopic({ brokers: cluster.brokers, topic: cluster.topic });
  return differences(foldLog(dump, { partitions: cluster.partitions }), await readDatabase(cluster.pool));
}

async function sendLoad(raw: RawTopic, seed: number): Promise<void> {
  const messages = load({ seed, events: 2000, devices: 100 });
  for (let i = 0; i < messages.length; i += 100) await raw.send(messages.slice(i, i + 100));
}

async function snapshots(cluster: Cluster): Promise<number> {
  return (await cluster.pool.query("SELECT FROM snapshot")).rowCount ?? 0;
}

it("a new owner goes on from a snapshot and a replay as if it had always been there", async () => {
  await using cluster = await startCluster({ partitions: 2 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  for (const seed of [1, 2, 3]) {
    await using _owner = await processorInProcess(cluster, { limits: SNAPSHOTS });
    await sendLoad(raw, seed);
    await caughtUp(cluster, raw);
  }
  expect(await snapshots(cluster), "two are kept of each partition").toBe(4);
  expect(await oracleSays(cluster)).toEqual([]);
});

it("a damaged snapshot is passed over, and without any the log itself is read again", async () => {
  await using cluster = await startCluster({ partitions: 2 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  for (const damage of [
    "",
    "UPDATE snapshot SET memory = 'damaged'",
    "UPDATE snapshot SET format = 99",
    "DELETE FROM snapshot",
  ]) {
    if (damage !== "") await cluster.pool.query(damage);
    await using owner = await processorInProcess(cluster, { limits: SNAPSHOTS });
    await sendLoad(raw, damage.length);
    await caughtUp(cluster, raw);
    if (damage.startsWith("UPDATE")) expect(owner.lines.join("\n")).toContain("passed over");
  }
  expect(await oracleSays(cluster)).toEqual([]);
});

const HOT = (threshold: number, more = "") => `
apiVersion: alertcast/v1
rules:
  - {id: hot, severity: high, when: event.temperature >= ${threshold}, reason: "hot {event.temperature}"}${more}
`;
const OFF = '\n  - {id: off, severity: critical, when: event.status == "offline"}';

it("a changed rule file takes effect at a recorded offset, keeps what is going on, and ends what is removed", async () => {
  await using cluster = await startCluster({ partitions: 1 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  const send = async (event: object) => {
    await raw.send([{ key: "d", value: JSON.stringify({ device_id: "d", ...event }) }]);
    await caughtUp(cluster, raw);
  };
  const status = async (rule: string) =>
    (await cluster.pool.query("SELECT status, opened_under FROM ticket WHERE rule_id = $1", [rule])).rows;
  {
    await using _owner = await processorInProcess(cluster, { rules: HOT(80, OFF) });
    await send({ temperature: 90, status: "offline" });
    expect(await status("hot")).toEqual([{ status: "open", opened_under: 0 }]);
  }
  {
    await using _owner = await processorInProcess(cluster, { rules: HOT(95) });
    const removed = async () => (await status("off"))[0]?.status === "resolved";
    await waitFor(removed, { what: "the removed rule's ticket to be resolved" });
    expect(await status("hot"), "going on until an entry decides").toEqual([{ status: "open", opened_under: 0 }]);
  }
  // No snapshot is left: the replay has to cross the change by what is recorded of it.
  await cluster.pool.query("DELETE FROM snapshot");
  {
    await using _owner = await processorInProcess(cluster, { rules: HOT(95) });
    await send({ temperature: 90, status: "offline" });
    expect((await status("hot"))[0]?.status, "90 is no match under the new rule").toBe("resolved");
    await send({ temperature: 96 });
  }
  const rows = await cluster.pool.query("SELECT type, cause, why FROM ticket_event ORDER BY id");
  expect(rows.rows.map((row) => `${row.type} ${row.cause} ${row.why}`)).toEqual([
    "opened entry null",
    "opened entry null",
    "resolved rules rule-removed",
    "resolved entry recovered",
    "reopened entry condition",
  ]);
  const activations = await cluster.pool.query(
    "SELECT first_offset, rule_set_id FROM rule_activation ORDER BY first_offset",
  );
  expect(activations.rows).toEqual([
    { first_offset: 0, rule_set_id: 0 },
    { first_offset: 1, rule_set_id: 1 },
  ]);
});
