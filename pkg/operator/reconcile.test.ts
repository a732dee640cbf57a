import { expect, test } from "vitest";
import { MemoryCluster, MemorySource, storedScaler } from "../../test/scaler-cluster.ts";
import { AlertCastError, hasCode } from "../errors.ts";
import { createMetrics } from "../telemetry/catalogue.ts";
import { createLogger } from "../telemetry/logger.ts";
import { EventRecorder } from "./events.ts";
import { fenced } from "./fenced.ts";
import { parseLagScaler } from "./lag-scaler.ts";
import { scalerMetrics } from "./metrics.ts";
import { reconcile, restoreState, type ScalerState } from "./reconcile.ts";

const UID = "uid-demo";
const STEP_MS = 10_000;
const logger = createLogger({ component: "test", level: "silent" });

/** A LagScaler, its target and its source on a clock of their own; `restart` is another process that has only the status. */
class World {
  nowMs = Date.parse("2026-11-25T12:00:00Z");
  held = true;
  readonly metrics = createMetrics("operator", { processMetrics: false });
  readonly cluster: MemoryCluster;
  readonly source: MemorySource;
  #state: ScalerState | undefined;
  #events: EventRecorder;

  constructor(options: {
    replicas: number;
    arrival: number;
    busy: number;
    partitions?: number;
    spec?: Record<string, unknown>;
  }) {
    const { replicas, arrival, busy, partitions = 24, spec = {} } = options;
    this.cluster = new MemoryCluster(replicas);
    this.cluster.add(storedScaler("demo", spec));
    this.source = new MemorySource({ partitions, members: replicas, arrival, busy, now: () => this.nowMs });
    this.#events = this.#recorder();
  }

  get status(): Record<string, unknown> {
    return this.cluster.status(UID);
  }

  get replicas(): number | undefined {
    return this.cluster.deployment?.replicas;
  }

  condition(type: string): Record<string, unknown> {
    const conditions = this.status.conditions as Record<string, unknown>[];
    return conditions.find((each) => each.type === type) ?? {};
  }

  reasons(): string[] {
    return this.cluster.events.map(({ event }) => event.reason);
  }

  /** `n` looks, 10 s apart; members follow the replicas. */
  async look(n = 1): Promise<void> {
    for (let i = 0; i < n; i++) {
      const scaler = parseLagScaler(structuredClone(this.cluster.scalers.get(UID)));
      this.#state ??= restoreState(scaler);
      this.#state = await reconcile(scaler, this.#state, undefined, {
        cluster: fenced(this.cluster, () => this.held),
        source: this.source,
        events: this.#events,
        metrics: scalerMetrics(this.metrics),
        logger,
        now: () => this.nowMs,
      });
      this.nowMs += STEP_MS;
      this.source.members = this.replicas ?? 0;
    }
  }

  restart(): void {
    this.#state = undefined;
    this.#events = this.#recorder();
  }

  #recorder(): EventRecorder {
    return new EventRecorder({ cluster: fenced(this.cluster, () => this.held), logger, now: () => this.nowMs });
  }
}

/** 8 replicas that work 70 % of the time: right as it is. */
const steady = (spec: Record<string, unknown> = {}) =>
  new World({ replicas: 8, arrival: 100, busy: 0.7, spec: { minReplicas: 1, maxReplicas: 24, ...spec } });
const AWAY = new AlertCastError("unavailable", "cannot look at group g: connect ECONNREFUSED");
const NOT_LEADER = new AlertCastError("unavailable", "cannot look at group g: This server is not the leader");

test.each([
  ["Hold", { policy: "Hold", afterSeconds: 120 }, 8],
  ["AtLeast 10 after 120 s", { policy: "AtLeast", afterSeconds: 120, replicas: 10 }, 10],
] as const)(
  "H2 %s: half blind, then blind, restarted in the middle of it: no replica is taken away",
  async (_, onSourceFailure, most) => {
    const world = steady({ onSourceFailure });
    const seen: [number, number | undefined][] = [];
    for (let poll = 1; poll <= 46; poll++) {
      if (poll === 20) world.restart();
      world.source.failure = poll >= 10 && poll <= 16 ? NOT_LEADER : poll >= 17 && poll <= 40 ? AWAY : undefined;
      await world.look();
      seen.push([poll, world.replicas]);
      const reachable = poll < 10 || poll > 40;
      expect([poll, world.condition("SourceReachable").status]).toEqual([poll, reachable ? "True" : "False"]);
      expect(world.condition("Ready").status).toBe("True");
    }
    const blind = seen.filter(([poll]) => poll >= 10 && poll <= 40).map(([, replicas]) => replicas);
    expect(Math.min(...blind.map(Number))).toBe(8);
    expect(Math.max(...blind.map(Number))).toBe(most);
    // 120 s are counted from the first blind poll (10), over the restart.
    const raised = seen.find(([, replicas]) => replicas === 10)?.[0];
    if (most === 10) expect(raised).toBe(22);
    expect(
      seen.filter(([poll]) => poll < 22 || poll > 40 || most === 8).every(([poll, n]) => Number(n) >= 8 || poll < 1),
    ).toBe(true);
    expect(world.reasons().filter((reason) => reason === "SourceUnreachable").length).toBeGreaterThanOrEqual(1);
    expect(world.reasons()).not.toContain("ScaledDown");
    // Deciding again: within three polls the reason is no longer blindness.
    expect((world.status.decision as Record<string, string>).reason).not.toMatch(/Blind|Fallback/);
    expect(world.status.lag).toBe(0);
  },
);

test("what was learned outlives a restart: the rate is known at the first look of the next process", async () => {
  const world = steady();
  await world.look(20);
  const learned = world.status.perReplicaRate;
  expect(learned).toBeGreaterThan(0);
  world.restart();
  await world.look();
  expect(world.status.perReplicaRate).toBe(learned);
  expect(world.condition("CapacityKnown").status).toBe("True");
});

test("a need is met, told and remembered", async () => {
  const world = new World({ replicas: 2, arrival: 100, busy: 0.99 });
  await world.look(30);
  expect(world.replicas).toBeGreaterThan(2);
  expect(world.reasons()).toContain("ScaledUp");
  expect(world.status).toMatchObject({
    observedGeneration: 1,
    currentReplicas: world.replicas,
    members: world.replicas,
  });
  expect(world.status.lastScaleTime).toMatch(/^2026-11-25T12:/);
  expect(Number.isInteger(world.status.lagSeconds)).toBe(true);
});

test("what is about to be written is stored first: a successor does not take it for somebody else's", async () => {
  const world = new World({ replicas: 2, arrival: 100, busy: 0.99 });
  world.cluster.failures.set("scale", new AlertCastError("fenced", "the process died here"));
  await expect(world.look(60)).rejects.toThrow("the process died here");
  const intended = Number(world.status.desiredReplicas);
  expect(intended).toBeGreaterThan(2);
  expect(JSON.parse(String(world.status.memory)).target).toMatchObject({ replicas: 2, intended });
  // It was written after all, and by whom is not recorded.
  if (world.cluster.deployment) world.cluster.deployment = { ...world.cluster.deployment, replicas: intended };
  world.cluster.failures.clear();
  world.restart();
  await world.look();
  expect(world.condition("Conflicted").status).toBe("False");
});

test("a write that the API server did not take is tried again", async () => {
  const world = new World({ replicas: 2, arrival: 100, busy: 0.99 });
  world.cluster.failures.set("scale", new AlertCastError("unavailable", "away"));
  await world.look(30);
  expect(world.replicas).toBe(2);
  expect(world.reasons()).not.toContain("ScaledUp");
  world.cluster.failures.clear();
  await world.look();
  expect(world.replicas).toBeGreaterThan(2);
});

test("a write that the API server refuses is told, and no longer said once it is taken", async () => {
  const world = new World({ replicas: 2, arrival: 100, busy: 0.99 });
  world.cluster.failures.set("scale", new AlertCastError("invalid", "forbidden: deployments/scale"));
  await world.look(30);
  expect(world.replicas).toBe(2);
  expect(world.reasons()).toContain("ScaleRefused");
  expect(world.condition("Ready").status).toBe("True");
  expect(world.condition("ScalingLimited")).toMatchObject({
    status: "True",
    reason: "WriteRefused",
    message: expect.stringContaining("forbidden: deployments/scale"),
  });
  const since = world.condition("ScalingLimited").lastTransitionTime;
  await world.look();
  expect(world.condition("ScalingLimited").lastTransitionTime).toBe(since);
  world.cluster.failures.clear();
  await world.look(2);
  expect(world.replicas).toBeGreaterThan(2);
  expect(world.condition("ScalingLimited").reason).not.toBe("WriteRefused");
});

test("the Lease is looked at again right before the write, however long it took to come there", async () => {
  const world = new World({ replicas: 2, arrival: 100, busy: 0.99 });
  const { cluster } = world;
  const change = { from: 2, to: 3 };
  cluster.beforeWrite = () => {
    world.held = false;
  };
  const error = await fenced(cluster, () => world.held)
    .scale("processor", change)
    .catch((thrown: unknown) => thrown);
  expect(hasCode(error, "fenced")).toBe(true);
  expect(world.replicas).toBe(2);
});

test("without the Lease nothing at all is written", async () => {
  const world = new World({ replicas: 2, arrival: 100, busy: 0.99 });
  world.held = false;
  const error = await world.look(1).catch((thrown: unknown) => thrown);
  expect(hasCode(error, "fenced")).toBe(true);
  expect(world.cluster.writes).toEqual([]);
});

test("a dry run decides the same and writes no replicas", async () => {
  const world = new World({ replicas: 2, arrival: 100, busy: 0.99, spec: { mode: "DryRun" } });
  await world.look(30);
  expect(world.replicas).toBe(2);
  expect(world.status.desiredReplicas).toBeGreaterThan(2);
  expect(world.condition("Ready")).toMatchObject({ status: "True", reason: "DryRun" });
  expect(world.reasons()).not.toContain("ScaledUp");
});

test("paused it asks Kafka nothing, keeps what it has learned, and takes what it finds afterwards as the base", async () => {
  const world = steady();
  await world.look(20);
  const learned = JSON.parse(String(world.status.memory)).scaler.rate;
  world.cluster.edit(UID, { mode: "Paused" });
  world.source.hanging = new Promise(() => undefined);
  await world.look(3);
  expect(world.condition("Ready")).toMatchObject({ status: "True", reason: "Paused" });
  expect(world.status.lagSeconds).toBeUndefined();
  expect(JSON.parse(String(world.status.memory)).scaler.rate).toBe(learned);
  if (world.cluster.deployment) world.cluster.deployment = { ...world.cluster.deployment, replicas: 5 };
  world.source.hanging = undefined;
  world.cluster.edit(UID, { mode: "Active" });
  await world.look();
  expect(world.condition("Conflicted").status).toBe("False");
});

test("an autoscaler on the target stops all writes of replicas, is told once, and its end is noticed", async () => {
  const world = new World({ replicas: 2, arrival: 100, busy: 0.99 });
  world.cluster.autoscalers = ["hpa"];
  await world.look(30);
  expect(world.replicas).toBe(2);
  expect(world.reasons().filter((reason) => reason === "Conflict")).toHaveLength(1);
  expect(world.condition("Conflicted")).toMatchObject({ status: "True", reason: "HorizontalPodAutoscaler" });
  world.cluster.autoscalers = [];
  await world.look(30);
  expect(world.replicas).toBeGreaterThan(2);
});

test("a condition keeps its time for as long as its status is the same, whatever its message says", async () => {
  const world = steady();
  await world.look();
  const since = world.condition("Ready").lastTransitionTime;
  world.cluster.edit(UID, { mode: "DryRun" });
  await world.look(5);
  expect(world.condition("Ready")).toMatchObject({
    reason: "DryRun",
    lastTransitionTime: since,
    observedGeneration: 2,
  });
  world.source.failure = AWAY;
  const atMs = world.nowMs;
  await world.look();
  expect(world.condition("SourceReachable").lastTransitionTime).toBe(`${new Date(atMs).toISOString().slice(0, 19)}Z`);
});

test("numbers that cannot be seen are not shown", async () => {
  const world = steady();
  await world.look(3);
  expect(world.status).toMatchObject({ lag: 0, members: 8, partitions: 24 });
  world.source.failure = AWAY;
  await world.look();
  for (const name of ["lag", "lagSeconds", "members", "arrivalRate", "utilization"])
    expect(world.status).not.toHaveProperty(name);
  expect(world.status).toMatchObject({ currentReplicas: 8, desiredReplicas: 8, decision: { reason: "Blind" } });
});

test("without its target it is not ready and decides nothing", async () => {
  const world = steady();
  world.cluster.deployment = undefined;
  await world.look();
  expect(world.condition("Ready")).toMatchObject({ status: "False", reason: "TargetNotFound" });
  expect(world.status).not.toHaveProperty("desiredReplicas");
});

test("other topics begin with an empty memory of offsets", async () => {
  const world = steady();
  await world.look(5);
  world.cluster.edit(UID, { kafka: { brokers: ["kafka:9092"], groupId: "g", topics: ["u"] } });
  await world.look();
  expect(JSON.parse(String(world.status.memory))).toMatchObject({ topics: "u" });
  expect(world.status.arrivalRate).toBe(0);
});

test("decisions are counted by direction and reason", async () => {
  const world = steady();
  await world.look(2);
  world.source.failure = AWAY;
  await world.look(3);
  const text = await world.metrics.registry.metrics();
  expect(text).toContain('alertcast_scaler_decisions_total{direction="none",reason="blind"} 3');
  expect(text).toContain("alertcast_scaler_source_errors_total 3");
  expect(text).toContain('alertcast_scaler_desired_replicas{scaler="demo"} 8');
});

/** What a scrape shows of the one LagScaler. */
async function gaugesOf({ metrics }: World): Promise<string[]> {
  const text = await metrics.registry.metrics();
  return [...text.matchAll(/^alertcast_scaler_([a-z_]+)\{scaler="demo"\}/gm)].map(([, name = ""]) => name).sort();
}
const SEEN = ["arrival_rate", "lag_messages", "lag_seconds", "replica_rate", "utilization"];

test("blind it shows no lag, rate or utilization, but what it decides and since when it is blind", async () => {
  const world = steady();
  await world.look(20);
  expect(await gaugesOf(world)).toEqual([...SEEN, "desired_replicas", "last_success_timestamp_seconds"].sort());
  world.source.failure = AWAY;
  await world.look();
  expect(await gaugesOf(world)).toEqual(["desired_replicas", "last_success_timestamp_seconds"]);
  world.source.failure = undefined;
  await world.look(2);
  expect(await gaugesOf(world)).toEqual(expect.arrayContaining(["lag_seconds", "utilization"]));
});

test("blind from its start it shows what it decides and no success: by that the alert knows it", async () => {
  const world = steady();
  world.source.failure = AWAY;
  await world.look(3);
  expect(await gaugesOf(world)).toEqual(["desired_replicas"]);
});

test("paused it shows nothing that could be taken for blindness", async () => {
  const world = steady();
  await world.look(20);
  world.cluster.edit(UID, { mode: "Paused" });
  await world.look();
  expect(await gaugesOf(world)).toEqual([]);
});

test("without its target it shows only since when", async () => {
  const world = steady();
  await world.look(20);
  world.cluster.deployment = undefined;
  await world.look();
  expect(await gaugesOf(world)).toEqual(["last_success_timestamp_seconds"]);
});
