// Two real temperature series through HTTP, Kafka and three processors, of which one after the other is killed with -9.
import { beforeAll, describe, expect, it } from "vitest";
import { caughtUp, stop } from "./cases/support.ts";
import { type Cluster, isCaughtUp, type Running, startCluster } from "./cluster.ts";
import { waitFor } from "./harness/wait.ts";
import { hasReadings, outline, type Reading, readings, ticketsOf } from "./nab.ts";
import { differences, readDatabase } from "./oracle/compare.ts";
import { dumpKafkaTopic } from "./oracle/dump.ts";
import { foldLog } from "./oracle/fold.ts";
import { seeded } from "./random.ts";
import { type RawTopic, rawTopic } from "./raw.ts";

const KILLS = 12;
const BATCH = 100;
const DUPLICATES = 0.05;
/** Of this many batches one goes straight to Kafka, without a key. */
const RAW_EVERY = 10;
const SEED = Number(process.env.ALERTCAST_TEST_SEED ?? Date.now() % 1_000_000);
const DEADLINE_MS = 600_000;

interface Sent {
  events: number;
  duplicates: number;
  raw: number;
}

describe.skipIf(!hasReadings())("29,962 real readings", () => {
  beforeAll(() => console.log(`seed ${SEED}`));

  it("give the oracle's tickets although processors are killed all the time", { timeout: DEADLINE_MS }, async () => {
    const random = seeded(SEED);
    await using cluster = await startCluster();
    await using raw = await rawTopic(cluster.brokers, cluster.topic);
    const ingestor = await cluster.ingestor();
    const processors = await Promise.all(["p1", "p2", "p3"].map((name) => cluster.processor(name)));
    await waitFor(async () => (await fetch(`${ingestor.url}/readyz`)).ok, { what: "the ingestor to be ready" });
    const all = readings();
    const sent: Sent = { events: 0, duplicates: 0, raw: 0 };
    let kills = 0;
    for (const [i, batch] of batches(all).entries()) {
      await sendBatch(cluster, ingestor, raw, i, batch, random, sent);
      if (i % 20 === 15 && kills < KILLS) {
        await killOne(cluster, raw, processors, random);
        kills++;
      }
    }
    // It ticks: what it appends between the looks at log and database would be a difference.
    await stop(ingestor);
    await caughtUp(cluster, raw, 240_000);
    const dump = await dumpKafkaTopic({ brokers: cluster.brokers, topic: cluster.topic });
    const oracle = foldLog(dump, { partitions: cluster.partitions });
    const database = await readDatabase(cluster.pool);
    const found = differences(oracle, database);
    const opened = oracle.tickets.length;
    console.log(
      `events ${sent.events}, sent twice ${sent.duplicates}, without key ${sent.raw}, records ${dump.length}, ` +
        `kills ${kills}, tickets ${opened}, history rows ${oracle.history.length}, ` +
        `moved twice ${oracle.counts.movedTwice}, repeats ${oracle.counts.repeated}, late ${oracle.counts.late}, ` +
        `differences ${found.length}`,
    );
    expect(found).toEqual([]);
    expect(outline(database.tickets), "the tickets of the bare series").toEqual(ticketsOf(all));
    expect(sent.events).toBe(all.length);
    expect(kills).toBeGreaterThanOrEqual(10);
    expect(opened).toBeGreaterThan(0);
    expect(oracle.history.length).toBeGreaterThan(100);
  });
});

function batches(all: readonly Reading[]): Reading[][] {
  const list: Reading[][] = [];
  for (let i = 0; i < all.length; i += BATCH) list.push(all.slice(i, i + BATCH));
  return list;
}

/** Sends a batch, one in twenty of its events twice: at once, or again at the end of the batch. */
async function sendBatch(
  cluster: Cluster,
  ingestor: Running,
  raw: RawTopic,
  i: number,
  batch: readonly Reading[],
  random: () => number,
  sent: Sent,
): Promise<void> {
  const events: Reading[] = [];
  const again: Reading[] = [];
  for (const reading of batch) {
    events.push(reading);
    if (random() >= DUPLICATES) continue;
    sent.duplicates++;
    if (random() < 0.5) events.push(reading);
    else again.push(reading);
  }
  events.push(...again);
  sent.events += batch.length;
  if (i % RAW_EVERY === RAW_EVERY - 1) {
    // What came before must be home first, or the series would overtake itself.
    await raw.send(events.map((event) => ({ value: JSON.stringify(event), partition: i % cluster.partitions })));
    sent.raw += events.length;
    await waitFor(async () => isCaughtUp(cluster, raw), {
      what: "keyless records to be moved",
      deadlineMs: 120_000,
    });
    return;
  }
  const response = await fetch(`${ingestor.url}/api/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: events.map((event) => JSON.stringify(event)).join("\n"),
  });
  expect(response.status).toBe(202);
  expect(await response.json()).toMatchObject({ accepted: events.length, rejected: 0 });
}

/** Kills a processor while the log has what is not applied yet, and starts another in its place. */
async function killOne(cluster: Cluster, raw: RawTopic, processors: Running[], random: () => number): Promise<void> {
  const at = Math.floor(random() * processors.length);
  const victim = processors[at];
  if (victim === undefined) return;
  victim.service.kill("SIGKILL");
  expect((await victim.service.exited).signal).toBe("SIGKILL");
  processors[at] = await cluster.processor(`p${at + 1}`);
  await raw.ends();
}
