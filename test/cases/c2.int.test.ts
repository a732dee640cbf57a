// C2: partitions change hands under load, again and again, with a database that answers late.
import { expect, it } from "vitest";
import { type Cluster, isCaughtUp, type Running, startCluster } from "../cluster.ts";
import { tcpProxy } from "../harness/proxy.ts";
import { waitFor } from "../harness/wait.ts";
import { rawTopic } from "../raw.ts";
import { BAD, E, expectOracle } from "./support.ts";

const DEVICES = 20_000;
const ROUNDS = 10;
const LATE_MS = 20;
/** A killed member is given up after 10 s; what is above that is the machine's slowness. */
const STANDSTILL_BOUND_MS = 120_000;

/** Watches how long a partition that has records to apply does not move. */
class Standstill {
  longestMs = 0;
  readonly #movedAt = new Map<number, { offset: number; atMs: number }>();

  look(offsets: ReadonlyMap<number, number>, ends: ReadonlyMap<number, number>, nowMs: number): void {
    for (const [partition, end] of ends) {
      const offset = offsets.get(partition) ?? 0;
      const before = this.#movedAt.get(partition);
      if (before === undefined || before.offset !== offset || offset >= end) {
        this.#movedAt.set(partition, { offset, atMs: nowMs });
      } else {
        this.longestMs = Math.max(this.longestMs, nowMs - before.atMs);
      }
    }
  }
}

async function offsetsOf(cluster: Cluster): Promise<Map<number, number>> {
  const { rows } = await cluster.pool.query("SELECT partition, next_offset FROM partition_state");
  return new Map(rows.map((row) => [row.partition, row.next_offset]));
}

it("C2 every device gets its one ticket while a third processor comes and is killed ten times", {
  timeout: 600_000,
}, async () => {
  await using cluster = await startCluster({ partitions: 6 });
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await using proxy = await tcpProxy({ targetPort: cluster.database.port });
  proxy.delay(LATE_MS / 2);
  const env = { PG_HOST: "127.0.0.1", PG_PORT: String(proxy.port) };
  await cluster.processor("first", env);
  await cluster.processor("second", env);
  const standstill = new Standstill();
  const look = async () => standstill.look(await offsetsOf(cluster), await raw.ends(), performance.now());
  const share = DEVICES / ROUNDS;
  for (let round = 0; round < ROUNDS; round++) {
    const third: Running = await cluster.processor(`third-${round}`, env);
    const devices = Array.from({ length: share }, (_, i) => `c2-${round * share + i}`);
    for (let i = 0; i < devices.length; i += 500) {
      await raw.send(devices.slice(i, i + 500).map((key) => ({ key, value: E(key, BAD) })));
      await look();
    }
    await third.service.waitForLog("partitions assigned");
    third.service.kill("SIGKILL");
    expect((await third.service.exited).signal).toBe("SIGKILL");
    await look();
  }
  const isDone = async () => {
    await look();
    return isCaughtUp(cluster, raw);
  };
  await waitFor(isDone, { what: "all to be applied", deadlineMs: 240_000 });
  const { database } = await expectOracle(cluster, raw);
  console.log(`C2: longest standstill of a partition with work ${(standstill.longestMs / 1000).toFixed(1)} s`);
  expect(database.tickets).toHaveLength(DEVICES);
  expect(database.tickets.every((ticket) => ticket.occurrences === 1)).toBe(true);
  expect(standstill.longestMs).toBeLessThan(STANDSTILL_BOUND_MS);
});
