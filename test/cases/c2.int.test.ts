// C2: partitions change hands under load, again and again, with a database that answers late.
import { expect, it } from "vitest";
import { type Cluster, isCaughtUp, startCluster } from "../cluster.ts";
import { tcpProxy } from "../harness/proxy.ts";
import { waitFor } from "../harness/wait.ts";
import { rawTopic } from "../raw.ts";
import { BAD, E, expectOracle } from "./support.ts";

const DEVICES = 20_000;
const ROUNDS = 10;
const LATE_MS = 20;
const COMMITTED = /alertcast_batches_finished_total\{outcome="committed"\} [1-9]/;
/** A killed member is given up after 8 s; what is above that is the machine's slowness. */
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

/** Starts a processor again when it has ended by itself, as Kubernetes and compose do. */
class Supervisor {
  restarts = 0;
  readonly #cluster: Cluster;
  readonly #env: Readonly<Record<string, string>>;
  #ended = false;

  constructor(cluster: Cluster, env: Readonly<Record<string, string>>) {
    this.#cluster = cluster;
    this.#env = env;
  }

  async keep(name: string): Promise<void> {
    const { service } = await this.#cluster.processor(name, this.#env);
    void service.exited.then(async () => {
      if (this.#ended) return;
      this.restarts++;
      console.log(`${name} ended by itself:\n${service.logs().slice(-5).join("\n")}`);
      await this.keep(name);
    });
  }

  end(): void {
    this.#ended = true;
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
  const supervisor = new Supervisor(cluster, env);
  await supervisor.keep("first");
  await supervisor.keep("second");
  const standstill = new Standstill();
  const look = async () => standstill.look(await offsetsOf(cluster), await raw.ends(), performance.now());
  const share = DEVICES / ROUNDS;
  for (let round = 0; round < ROUNDS; round++) {
    const third = await cluster.processor(`third-${round}`, env);
    await third.service.waitForLog("partitions assigned", { deadlineMs: 120_000 });
    const devices = Array.from({ length: share }, (_, i) => `c2-${round * share + i}`);
    for (let i = 0; i < devices.length; i += 500) {
      await raw.send(devices.slice(i, i + 500).map((key) => ({ key, value: E(key, BAD) })));
      await look();
    }
    // It lives until it has done some of the work; killed earlier, the same partitions would never have an owner.
    const worked = async () => COMMITTED.test(await (await fetch(`${third.url}/metrics`)).text());
    await waitFor(worked, { what: "the third processor to commit a batch", deadlineMs: 120_000 });
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
  supervisor.end();
  const longest = (standstill.longestMs / 1000).toFixed(1);
  console.log(
    `C2: longest standstill of a partition with work ${longest} s, processors started again ${supervisor.restarts}`,
  );
  expect(database.tickets).toHaveLength(DEVICES);
  expect(database.tickets.every((ticket) => ticket.occurrences === 1)).toBe(true);
  expect(standstill.longestMs).toBeLessThan(STANDSTILL_BOUND_MS);
});
