import { expect, test, vi } from "vitest";
import { MemoryCluster, MemorySource, storedScaler } from "../../test/scaler-cluster.ts";
import { AlertCastError } from "../errors.ts";
import { createMetrics } from "../telemetry/catalogue.ts";
import { createLogger } from "../telemetry/logger.ts";
import type { LeaseRecord, LeaseStore, StoredLease } from "./lease.ts";
import { createOperator } from "./operator.ts";

vi.setConfig({ testTimeout: 120_000 });

/** A Lease that nobody else wants. */
class QuietLease implements LeaseStore {
  stored: StoredLease | undefined;
  renewals = 0;
  /** Somebody else took it. */
  stolen = false;

  async read(): Promise<StoredLease | undefined> {
    return this.stored;
  }

  async write(record: LeaseRecord): Promise<StoredLease> {
    if (this.stolen) {
      this.stored = { record: { ...record, holder: "thief" }, version: "stolen" };
      throw new Error("somebody was faster");
    }
    this.renewals++;
    this.stored = { record, version: String(this.renewals) };
    return this.stored;
  }
}

/** An operator whose sleeps are short in real time and as long as asked for on its own clock. */
class Running {
  nowMs = 1e12;
  readonly cluster = new MemoryCluster(2);
  readonly lease = new QuietLease();
  readonly source = new MemorySource({ partitions: 8, members: 2, arrival: 10, busy: 0.5, now: () => this.nowMs });
  readonly metrics = createMetrics("operator", { processMetrics: false });
  readonly lines: string[] = [];
  readonly stop = new AbortController();
  readonly operator = createOperator({
    cluster: this.cluster,
    lease: this.lease,
    source: this.source,
    identity: "me",
    metrics: this.metrics,
    logger: createLogger({ component: "test", destination: { write: (line) => this.lines.push(line) } }),
    random: () => 0.5,
    now: () => this.nowMs,
    monotonic: () => this.nowMs,
    sleep: async (ms, signal) => {
      const wakeAtMs = this.nowMs + ms;
      while (!signal.aborted && this.nowMs < wakeAtMs) await new Promise((resolve) => setImmediate(resolve));
    },
  });
  readonly ended: Promise<unknown>;

  constructor() {
    this.ended = this.operator.run(this.stop.signal).catch((error: unknown) => error);
  }

  /** Lets time go on until `come` is true. */
  async until(what: string, come: () => boolean): Promise<void> {
    const giveUpAtMs = performance.now() + 60_000;
    while (!come()) {
      if (performance.now() > giveUpAtMs) throw new Error(`waited 60 s for ${what}; ${this.lines.join("")}`);
      this.nowMs += 250;
      // Everybody who was woken gets to run before time goes on.
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  get live(): string | true | undefined {
    return this.operator.checks.live.loop?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    await this.ended;
  }
}

const looked = ({ cluster }: Running, uid: string) =>
  cluster.scalers.has(uid) && cluster.status(uid).observedGeneration !== -1;

test("it looks at every LagScaler there is, and at those that come later", async () => {
  await using running = new Running();
  running.cluster.add(storedScaler("a"));
  await running.until("a look at a", () => looked(running, "uid-a"));
  running.cluster.add(storedScaler("b", { targetRef: { name: "other" } }));
  await running.until("a look at b", () => looked(running, "uid-b"));
  expect(running.operator.checks.ready.crd?.()).toBe(true);
  expect(await running.metrics.registry.metrics()).toContain("alertcast_scaler_is_leader 1");
});

test("an edited LagScaler is looked at at once", async () => {
  await using running = new Running();
  running.cluster.add(storedScaler("a"));
  await running.until("a look", () => looked(running, "uid-a"));
  running.cluster.edit("uid-a", { mode: "Paused" });
  const atMs = running.nowMs;
  await running.until("another", () => running.cluster.status("uid-a").observedGeneration === 2);
  expect(running.nowMs - atMs).toBeLessThan(5_000);
});

test("a LagScaler that is deleted is let go of, and its target stays as it is", async () => {
  await using running = new Running();
  running.cluster.add(storedScaler("a"));
  await running.until("a look", () => looked(running, "uid-a"));
  running.cluster.remove("uid-a");
  await running.until("the source to be let go of", () => running.source.forgotten.length > 0);
  expect(running.cluster.deployment?.replicas).toBe(2);
  expect(await running.metrics.registry.metrics()).not.toContain('scaler="a"');
});

test("a source that never answers does not keep the Lease from being renewed, and shows in liveness after a minute", async () => {
  await using running = new Running();
  running.cluster.add(storedScaler("a"));
  await running.until("a look", () => looked(running, "uid-a"));
  const { promise, resolve } = Promise.withResolvers<void>();
  running.source.hanging = promise;
  const renewals = running.lease.renewals;
  await running.until("liveness to fail", () => running.live !== true);
  expect(running.live).toContain("a has not turned");
  expect(running.lease.renewals - renewals).toBeGreaterThan(20);
  resolve();
});

test("an API server that is away is no reason to be restarted", async () => {
  await using running = new Running();
  running.cluster.add(storedScaler("a"));
  await running.until("a look", () => looked(running, "uid-a"));
  const away = new AlertCastError("unavailable", "connect ECONNREFUSED");
  running.cluster.failures.set("target", away);
  const atMs = running.nowMs;
  await running.until("three minutes", () => running.nowMs - atMs > 180_000);
  expect(running.live).toBe(true);
  expect(running.lines.filter((line) => line.includes("not reconciled"))).toHaveLength(1);
  running.cluster.failures.clear();
  const written = running.cluster.writes.length;
  await running.until("a look that succeeds", () => running.cluster.writes.length > written);
});

test("when the Lease is lost it ends with an error, so that the process does", async () => {
  await using running = new Running();
  running.cluster.add(storedScaler("a"));
  await running.until("a look", () => looked(running, "uid-a"));
  running.lease.stolen = true;
  let ended = false;
  void running.ended.finally(() => {
    ended = true;
  });
  await running.until("the end", () => ended);
  expect(await running.ended).toMatchObject({ code: "fenced" });
});

test("a definition that lacks a field is named once in the log and once for each LagScaler, and scaling goes on", async () => {
  await using running = new Running();
  running.cluster.served = new Set(["spec.targetRef.name"]);
  running.cluster.add(storedScaler("a"));
  await running.until("the event", () => running.cluster.events.some(({ event }) => event.reason === "CRDTooOld"));
  await running.until("a look", () => looked(running, "uid-a"));
  const atMs = running.nowMs;
  await running.until("some minutes", () => running.nowMs - atMs > 300_000);
  expect(running.cluster.events.filter(({ event }) => event.reason === "CRDTooOld")).toHaveLength(1);
  expect(running.lines.filter((line) => line.includes("CRD too old") && line.includes('"why"'))).toHaveLength(1);
});

test("without a definition it is not ready, and says what to do", async () => {
  await using running = new Running();
  running.cluster.served = undefined;
  await running.until("the answer", () => String(running.operator.checks.ready.crd?.()).includes("crds"));
  running.cluster.served = new MemoryCluster(1).served;
  await running.until("readiness", () => running.operator.checks.ready.crd?.() === true);
});
