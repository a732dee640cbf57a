// Faults at every named point of a commit, and what the safeguards are worth: taken out, the oracle turns red.
import { expect, it } from "vitest";
import { type Cluster, isCaughtUp, startCluster } from "./cluster.ts";
import { tcpProxy } from "./harness/proxy.ts";
import { waitFor } from "./harness/wait.ts";
import { load } from "./load.ts";
import { differences, readDatabase } from "./oracle/compare.ts";
import { dumpKafkaTopic } from "./oracle/dump.ts";
import { foldLog } from "./oracle/fold.ts";
import { type RawTopic, rawTopic } from "./raw.ts";

const SEED = 20261125;

async function oracleSays(cluster: Cluster): Promise<string[]> {
  const dump = await dumpKafkaTopic({ brokers: cluster.brokers, topic: cluster.topic });
  const oracle = foldLog(dump, { partitions: cluster.partitions });
  expect(oracle.tickets.length, "the load makes tickets").toBeGreaterThan(50);
  return differences(oracle, await readDatabase(cluster.pool));
}

async function caughtUp(cluster: Cluster, raw: RawTopic): Promise<void> {
  await waitFor(async () => isCaughtUp(cluster, raw), { what: "all to be applied", deadlineMs: 100_000 });
}

/** Several sends, so that there are several commits to fail at. */
async function sendLoad(raw: RawTopic, seed = SEED): Promise<void> {
  const messages = load({ seed, events: 3000, devices: 150 });
  for (let i = 0; i < messages.length; i += 300) await raw.send(messages.slice(i, i + 300));
}

for (const point of ["after-begin", "before-commit", "after-commit", "before-kafka-commit"]) {
  it(`a processor killed ${point.replaceAll("-", " ")} loses nothing and doubles nothing`, async () => {
    await using cluster = await startCluster({ partitions: 3 });
    await using raw = await rawTopic(cluster.brokers, cluster.topic);
    const first = await cluster.processor("first", { ALERTCAST_FAULTS: `kill@${point}#4` });
    await sendLoad(raw);
    expect((await first.service.exited).signal, "the fault fired").toBe("SIGKILL");
    await cluster.processor("second");
    await caughtUp(cluster, raw);
    expect(await oracleSays(cluster)).toEqual([]);
  });
}

it("a COMMIT whose answer is lost is neither lost nor done twice", async () => {
  await using cluster = await startCluster({ partitions: 3 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await using proxy = await tcpProxy({ targetPort: cluster.database.port });
  const processor = await cluster.processor("processor", { PG_HOST: "127.0.0.1", PG_PORT: String(proxy.port) });
  // Claims and the activation of rules commit too, and only once: after them, each COMMIT is a batch's.
  await sendLoad(raw);
  await caughtUp(cluster, raw);
  for (let n = 1; n <= 5; n++) {
    const dropped = proxy.dropReplyAfter("COMMIT");
    await sendLoad(raw, SEED + n);
    await dropped;
  }
  await caughtUp(cluster, raw);
  expect(await oracleSays(cluster)).toEqual([]);
  const metrics = await (await fetch(`${processor.url}/metrics`)).text();
  expect(metrics).toMatch(/alertcast_batches_finished_total\{outcome="unknown"\} 5\n/);
});

/** A processor is stopped in the middle of a transaction, another takes over and finishes, then the first goes on. */
async function zombie(cluster: Cluster, raw: RawTopic, faults: string): Promise<void> {
  const stopped = await cluster.processor("zombie", { ALERTCAST_FAULTS: faults });
  await sendLoad(raw);
  await stopped.service.waitForLog('"fault":"SIGSTOP"');
  await cluster.processor("heir");
  await caughtUp(cluster, raw);
  stopped.service.kill("SIGCONT");
  // It has gone on once it has met the fence, or has been told that its partitions are others'.
  await stopped.service.waitForLog((line) => /lost to another owner|trying again|given up|consumer crashed/.test(line));
  const offsets = async () => (await raw.ends()).size > 0 && isCaughtUp(cluster, raw);
  await waitFor(offsets, { what: "all to be applied again" });
}

it("a stopped zombie that goes on after its partitions have moved writes nothing", async () => {
  await using cluster = await startCluster({ partitions: 3 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await zombie(cluster, raw, "stop@before-commit#4");
  expect(await oracleSays(cluster)).toEqual([]);
});

it("without the fence a zombie's writes are seen by the oracle", async () => {
  await using cluster = await startCluster({ partitions: 3 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await zombie(cluster, raw, "stop@before-commit#4,no-fence");
  await waitFor(async () => (await oracleSays(cluster)).length > 0, { what: "the oracle to turn red" });
});

it("without the repeat check repeated events are seen by the oracle", async () => {
  await using cluster = await startCluster({ partitions: 3 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor", { ALERTCAST_FAULTS: "no-repeat-check" });
  await sendLoad(raw);
  await caughtUp(cluster, raw);
  expect(await oracleSays(cluster)).not.toEqual([]);
});
