import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide } from "./decide.ts";
import type { BlindObservation, Decision, Observation, ScalerSpec, ScalerView } from "./model.ts";
import { parseMemory, type ScalerMemory, writeMemory } from "./scaler-memory.ts";

const SPEC: ScalerSpec = {
  minReplicas: 1,
  maxReplicas: 12,
  commitIntervalSeconds: 1,
  objective: { maxLagSeconds: 30, drainSeconds: 120 },
  capacity: { mode: "Auto", initialPerReplica: 100 },
  behavior: { targetUtilization: 0.8, scaleDownWindowSeconds: 300, maxStep: 8 },
  onSourceFailure: { policy: "Hold", afterSeconds: 120, replicas: undefined },
};
const STEP_MS = 10_000;

/** A group whose members work off what arrives at once, up to `perMember` records/s each; `arrival` is for a partition. */
class Group {
  nowMs = 1_000_000;
  replicas: number;
  members: number;
  arrival: number[];
  perMember = 1000;
  /** Pods that do not start (> 0), or members that are no pods and have nothing to do (< 0). */
  pending = 0;
  /** Partitions whose next record cannot be worked on. */
  stuck: readonly number[] = [];
  /** What each partition says of its last commit: ms for the commit, and for each record. */
  costs: { readonly commitMs: number; readonly recordMs: number } | undefined;
  state: Observation["group"]["state"] = "Stable";
  memory: ScalerMemory | undefined;
  view: ScalerView | undefined;
  readonly spec: ScalerSpec;
  readonly decisions: Decision[] = [];
  #ends: number[];
  #committed: number[];

  constructor(arrival: number[], replicas: number, spec: ScalerSpec = SPEC) {
    this.arrival = arrival;
    this.replicas = replicas;
    this.members = replicas;
    this.spec = spec;
    this.#ends = arrival.map(() => 10_000);
    this.#committed = arrival.map(() => 10_000);
  }

  backlog(partition: number, records: number): void {
    this.#ends[partition] = (this.#ends[partition] ?? 0) + records;
  }

  observe(): Observation {
    const partitions = this.#ends.map((end, partition) => ({
      topic: "t",
      partition,
      committed: this.#committed[partition],
      start: 0,
      end,
      busy: this.costs && this.#busyOf(this.arrival[partition] ?? 0, this.costs),
    }));
    const members = Array.from({ length: this.members }, (_, i) => ({
      id: `m${i}`,
      partitions: partitions
        .filter((p) => p.partition % this.members === i)
        .map(({ topic, partition }) => ({ topic, partition })),
    }));
    return { partitions, group: { state: this.state, members }, replicas: this.replicas, readyReplicas: this.members };
  }

  /** Of the last second's commit, or of the last record's where they are rarer. */
  #busyOf(perSecond: number, { commitMs, recordMs }: NonNullable<Group["costs"]>) {
    const n = Math.max(1, Math.round(perSecond));
    return { n, busyMs: commitMs + n * recordMs };
  }

  /** One look after 10 s, and what it decides is done. */
  look(observation?: Observation | BlindObservation): Decision {
    this.nowMs += STEP_MS;
    this.#ends = this.#ends.map((end, p) => end + (this.arrival[p] ?? 0) * (STEP_MS / 1000));
    for (let member = 0; member < this.members; member++) {
      let budget = this.perMember * (STEP_MS / 1000);
      for (let p = member; p < this.#ends.length; p += this.members) {
        if (this.stuck.includes(p)) continue;
        const n = Math.min(budget, (this.#ends[p] ?? 0) - (this.#committed[p] ?? 0));
        this.#committed[p] = (this.#committed[p] ?? 0) + n;
        budget -= n;
      }
    }
    const result = decide(this.spec, observation ?? this.observe(), this.memory, this.nowMs);
    this.memory = result.memory;
    this.view = result.view ?? this.view;
    this.replicas = result.decision.replicas;
    this.members = this.replicas - this.pending;
    this.decisions.push(result.decision);
    return result.decision;
  }

  looks(n: number): Decision[] {
    return Array.from({ length: n }, () => this.look());
  }
}

describe("the decision", () => {
  test("a load that one replica cannot carry gets the least number that carries it at 80 %", () => {
    const group = new Group(new Array(12).fill(50), 1);
    group.perMember = 100;
    const decisions = group.looks(30);
    // 600 records/s at 80 % of 100 each: 8 members would do, but only with 12 has no member more than one partition.
    expect(decisions.find(({ direction }) => direction === "up")).toMatchObject({ direction: "up" });
    expect(group.replicas).toBe(12);
  });

  test("the fullest member decides, not the average: 7 members of 12 partitions are no better than 6", () => {
    const group = new Group(new Array(12).fill(33), 2);
    group.perMember = 100;
    group.looks(120);
    expect(group.replicas).toBe(6);
  });

  test("what a nearly idle replica says of itself does not call for others when more comes than before", () => {
    // 30 ms for each commit and 0.1 ms for each record: 6,400 records/s with 12 commits/s, and 36 % busy with hardly any.
    const spec = { ...SPEC, capacity: { mode: "Auto", initialPerReplica: 5000 } } as const;
    const group = new Group(new Array(12).fill(1), 1, spec);
    group.perMember = 6400;
    group.costs = { commitMs: 30, recordMs: 0.1 };
    group.looks(60);
    expect(group.memory?.rate).toBeLessThan(100);
    for (const perPartition of [160, 20, 240]) {
      group.arrival = group.arrival.map(() => perPartition);
      group.looks(30);
      expect(group.replicas, `${12 * perPartition} records/s`).toBe(1);
    }
    group.arrival = group.arrival.map(() => 800);
    group.looks(30);
    expect(group.replicas).toBe(2);
  });

  test("an idle group goes down only after the window, to what was enough all the time, and stays", () => {
    const group = new Group(new Array(12).fill(10), 6);
    const decisions = group.looks(120);
    const firstDown = decisions.findIndex(({ direction }) => direction === "down");
    expect(firstDown * STEP_MS).toBeGreaterThanOrEqual(290_000);
    expect(group.replicas).toBe(2);
    expect(decisions.filter(({ direction }) => direction !== "none")).toHaveLength(1);
  });

  test("a first look never scales down, and neither does one after a gap", () => {
    const group = new Group(new Array(4).fill(0), 5);
    expect(group.look()).toMatchObject({ direction: "none", replicas: 5 });
    group.looks(20);
    group.nowMs += 3_600_000;
    expect(group.look().direction).toBe("none");
    expect(group.looks(20).every(({ direction }) => direction === "none")).toBe(true);
  });

  test("a first look never scales down, however short the window is, and the next down has its distance to it", () => {
    const behavior = { ...SPEC.behavior, scaleDownWindowSeconds: 0 };
    const group = new Group(new Array(12).fill(10), 6, { ...SPEC, behavior });
    const decisions = group.looks(20);
    const firstDown = decisions.findIndex(({ direction }) => direction === "down");
    expect(firstDown * STEP_MS).toBeGreaterThanOrEqual(120_000);
    expect(group.replicas).toBe(2);
  });

  test("replicas outside of the limits are brought back at once, whatever else there is", () => {
    const group = new Group(new Array(4).fill(0), 20);
    group.state = "PreparingRebalance";
    expect(group.look()).toMatchObject({ direction: "down", replicas: 12, reason: "bounds" });
  });

  test("nothing is done while members are missing or partitions were dealt a moment ago, and a group that never settles still grows", () => {
    const group = new Group(new Array(12).fill(50), 4);
    group.perMember = 100;
    const unsettled = (): Observation => ({
      ...group.observe(),
      replicas: 4,
      group: { state: "CompletingRebalance", members: [] },
    });
    for (let i = 0; i < 15; i++)
      expect(group.look(unsettled())).toMatchObject({ direction: "none", reason: "unsettled" });
    const later = Array.from({ length: 10 }, () => group.look(unsettled()));
    expect(later.some(({ direction }) => direction === "up")).toBe(true);
  });

  test("a pod that never starts keeps nobody from going down, nor from learning, for ever", () => {
    const group = new Group(new Array(24).fill(8), 8, { ...SPEC, maxReplicas: 24 });
    group.pending = 1;
    group.members = 7;
    group.looks(90);
    expect(group.replicas).toBeLessThan(8);
    // It may only be slow: what it brings is still to be seen.
    expect(group.memory?.oddMembers).toBeUndefined();
  });

  test("while members are missing a group grows by one step in three minutes, not in every look", () => {
    const group = new Group(new Array(24).fill(300), 3, { ...SPEC, maxReplicas: 24 });
    group.perMember = 1000;
    const decisions: Decision[] = [];
    for (let i = 0; i < 60; i++) {
      group.pending = group.replicas - 3;
      decisions.push(group.look());
    }
    const ups = decisions.flatMap(({ direction }, i) => (direction === "up" ? [i] : []));
    expect(ups.length).toBeGreaterThan(0);
    for (const [i, up] of ups.slice(1).entries()) expect(up - (ups[i] ?? 0)).toBeGreaterThanOrEqual(18);
  });

  test("a strange member is waited for once, not at each step", () => {
    const group = new Group(new Array(24).fill(20), 3, { ...SPEC, maxReplicas: 24 });
    group.perMember = 1000;
    group.pending = -1;
    group.members = 4;
    group.looks(30);
    expect(group.memory?.oddMembers).toBe(1);
    group.perMember = 100;
    group.arrival = group.arrival.map(() => 90);
    group.looks(30);
    expect(group.replicas).toBeGreaterThanOrEqual(23);
  });

  test("pods that take minutes to start are no proof that more do not help", () => {
    const group = new Group(new Array(24).fill(40), 8, { ...SPEC, maxReplicas: 24 });
    group.perMember = 100;
    let toStart: { at: number; n: number }[] = [];
    for (let i = 0; i < 120; i++) {
      const before = group.replicas;
      group.look();
      if (group.replicas > before) toStart.push({ at: i + 25, n: group.replicas - before });
      toStart = toStart.filter(({ at }) => at > i);
      group.pending = toStart.reduce((sum, { n }) => sum + n, 0);
      group.members = group.replicas - group.pending;
    }
    expect(group.decisions.some(({ reason }) => reason === "ineffective")).toBe(false);
    expect(group.replicas).toBeGreaterThanOrEqual(12);
  });

  test("a partition that nearly fills a replica makes nobody go up and down and up again", () => {
    const arrival = Array.from({ length: 24 }, (_, p) => (p === 0 ? 83 : 4));
    const group = new Group(arrival, 4, { ...SPEC, maxReplicas: 24 });
    group.perMember = 100;
    group.looks(1500);
    expect(group.decisions.filter(({ direction }) => direction !== "none").length).toBeLessThanOrEqual(4);
  });

  test("small steps find a way down past numbers that are not enough", () => {
    const arrival = Array.from({ length: 24 }, (_, p) => (p % 12 === 0 ? 60 : 2));
    const behavior = { ...SPEC.behavior, maxStep: 1 };
    const group = new Group(arrival, 13, { ...SPEC, maxReplicas: 24, behavior });
    group.perMember = 100;
    group.looks(500);
    expect(group.replicas).toBeLessThan(8);
  });

  test("a step that relieves nobody yet goes as far as it may", () => {
    const behavior = { ...SPEC.behavior, maxStep: 4 };
    const group = new Group(new Array(24).fill(60), 12, { ...SPEC, maxReplicas: 24, behavior });
    group.perMember = 100;
    const decisions = group.looks(60);
    expect(decisions.filter(({ direction }) => direction === "up").map(({ replicas }) => replicas)).toEqual([
      16, 20, 24,
    ]);
  });

  test("exploring adds one and waits to see what it brings", () => {
    const capacity = { mode: "Auto", initialPerReplica: undefined } as const;
    const group = new Group(new Array(24).fill(50), 3, { ...SPEC, maxReplicas: 24, capacity });
    group.perMember = 300;
    group.pending = 1;
    group.members = 2;
    for (let i = 0; i < 60; i++) {
      group.look();
      // None of those that are added ever starts.
      group.members = 2;
      group.pending = group.replicas - 2;
    }
    expect(group.replicas).toBeLessThan(12);
  });

  test("a partition that nearly fills a replica costs a few, not as many as there are partitions", () => {
    const arrival = Array.from({ length: 24 }, (_, p) => (p === 0 ? 72 : 2.1));
    const group = new Group(arrival, 24, { ...SPEC, maxReplicas: 24 });
    group.perMember = 100;
    group.looks(200);
    expect(group.replicas).toBeLessThanOrEqual(8);
    expect(group.decisions.filter(({ direction }) => direction === "up")).toEqual([]);
  });

  test("a step does not end at a number of members that puts two big partitions together", () => {
    const arrival = Array.from({ length: 24 }, (_, p) => (p % 12 === 0 ? 60 : 2));
    const group = new Group(arrival, 20, { ...SPEC, maxReplicas: 24 });
    group.perMember = 100;
    for (let i = 0; i < 200; i++) {
      group.look();
      expect(group.view?.utilization).toBeLessThan(0.95);
    }
    expect(group.replicas).toBeLessThan(12);
  });

  test("a scale-up that relieves no waiting partition is no proof that more do not help", () => {
    const spec = { ...SPEC, maxReplicas: 24, capacity: { mode: "Auto", initialPerReplica: 1000 } } as const;
    const group = new Group(new Array(24).fill(400), 12, spec);
    group.looks(30);
    group.arrival = group.arrival.map(() => 520);
    group.looks(40);
    expect(group.replicas).toBe(24);
    expect(group.decisions.some(({ reason }) => reason === "ineffective")).toBe(false);
  });

  test("a partition that does not move asks for no replica, and is told", () => {
    const capacity = { mode: "Auto", initialPerReplica: 1000 } as const;
    const group = new Group(new Array(24).fill(50), 2, { ...SPEC, maxReplicas: 24, capacity });
    group.stuck = [0];
    group.looks(360);
    expect(group.replicas).toBeLessThanOrEqual(3);
    expect(group.view).toMatchObject({ stuckPartitions: 1 });
    expect(group.view?.lagSeconds).toBeGreaterThan(1000);
    expect(group.decisions.at(-1)?.message).toContain("1 partitions where records wait and none is committed");
  });

  test("neither does one that is alone on its member", () => {
    const capacity = { mode: "Auto", initialPerReplica: 1000 } as const;
    const group = new Group(new Array(24).fill(50), 24, { ...SPEC, maxReplicas: 24, capacity });
    group.stuck = [0];
    group.looks(360);
    expect(group.replicas).toBeLessThanOrEqual(3);
  });

  test("a window that was asked for is kept, however long", () => {
    const behavior = { ...SPEC.behavior, scaleDownWindowSeconds: 3600 };
    const group = new Group(new Array(12).fill(10), 6, { ...SPEC, behavior });
    const decisions = group.looks(400);
    expect(decisions.findIndex(({ direction }) => direction === "down") * STEP_MS).toBeGreaterThanOrEqual(3_590_000);
  });

  test("a clock that is set back costs what is known of times, not sight", () => {
    const group = new Group(new Array(12).fill(50), 1);
    group.perMember = 100;
    group.looks(10);
    group.nowMs -= 3_600_000;
    group.looks(24);
    expect(group.replicas).toBe(12);
  });

  test("fewer than minReplicas are brought back although the source cannot be seen", () => {
    const group = new Group([1], 1, { ...SPEC, minReplicas: 3 });
    expect(group.look({ blind: "away", replicas: 1 })).toMatchObject({
      direction: "up",
      replicas: 3,
      reason: "bounds",
    });
  });

  test("one partition above a replica's rate is said to bound the group instead of costing replicas", () => {
    // With two members the hot partition shares one with an idle partition.
    const group = new Group([300, 1, 0, 1], 2);
    group.perMember = 100;
    const decisions = group.looks(60);
    expect(group.view?.partitionBound).toBe(true);
    expect(decisions.some(({ reason }) => reason === "partition-bound")).toBe(true);
    expect(group.replicas).toBeLessThanOrEqual(2);
  });

  test("records that wait after an outage are no reason to say that one partition bounds the group", () => {
    const group = new Group(new Array(12).fill(50), 12);
    group.perMember = 100;
    group.looks(10);
    group.perMember = 0;
    group.looks(20);
    group.perMember = 100;
    group.looks(2);
    expect(group.view?.lagSeconds).toBeGreaterThan(30);
    expect(group.view?.partitionBound).toBe(false);
  });

  test("more than maxReplicas is said, not done", () => {
    const spec = { ...SPEC, maxReplicas: 3 };
    const group = new Group(new Array(12).fill(90), 3, spec);
    group.perMember = 100;
    const decisions = group.looks(20);
    expect(decisions.some(({ reason }) => reason === "max-replicas")).toBe(true);
    expect(group.view?.limited).toBe(true);
    expect(group.replicas).toBe(3);
  });

  test("a scale-up that brings nothing is not followed by another for five minutes, and is not taken back", () => {
    const group = new Group(new Array(12).fill(40), 2);
    group.perMember = 100;
    const decisions: Decision[] = [];
    for (let i = 0; i < 40; i++) {
      // However many there are, together they do 200 records/s: a database is the bottleneck.
      group.perMember = 200 / group.members;
      decisions.push(group.look());
    }
    const ups = decisions.map(({ direction }, i) => (direction === "up" ? i : -1)).filter((i) => i >= 0);
    expect(decisions.some(({ reason }) => reason === "ineffective")).toBe(true);
    expect(decisions.every(({ direction }) => direction !== "down")).toBe(true);
    const held = decisions.findIndex(({ reason }) => reason === "ineffective");
    expect(ups.filter((i) => i > held && i < held + 25)).toEqual([]);
  });

  test("a scale-up is judged by the partitions that wait, not by what falls away elsewhere", () => {
    // Partitions 0 and 4 share a member and bring 120 together; the others bring 20 each.
    const busy = (others: number) => Array.from({ length: 12 }, (_, p) => (p === 0 || p === 4 ? 60 : others));
    const group = new Group(busy(20), 4);
    group.perMember = 100;
    // Nothing can be decided for two and a half minutes, so that some wait.
    for (let i = 0; i < 15; i++) {
      const observation = group.observe();
      group.look({ ...observation, group: { ...observation.group, state: "PreparingRebalance" } });
    }
    const rising = group.looks(3);
    expect(rising.some(({ direction }) => direction === "up")).toBe(true);
    // Those that never waited bring nothing any more; the one that waits is served as never before.
    group.arrival = busy(0);
    const judged = group.looks(12).findIndex(() => group.memory?.trial === undefined);
    expect(judged).toBeGreaterThanOrEqual(0);
    expect(group.memory?.holdUntilMs).toBeUndefined();
  });

  test("records that wait while none is committed for a minute: replicas are not what is missing", () => {
    const group = new Group(new Array(4).fill(100), 2);
    group.look();
    group.perMember = 0;
    const decisions = group.looks(12);
    expect(decisions.at(-1)).toMatchObject({ direction: "none", reason: "no-progress" });
  });

  test("within three looks after it sees again it acts, on the rate over all the time that passed", () => {
    const group = new Group(new Array(12).fill(40), 6);
    group.perMember = 100;
    group.looks(10);
    group.arrival = new Array(12).fill(60);
    for (let i = 0; i < 30; i++) {
      expect(group.look({ blind: "away", replicas: 6 })).toMatchObject({ direction: "none", reason: "blind" });
    }
    const decisions = group.looks(3);
    expect(decisions.some(({ direction }) => direction === "up")).toBe(true);
    expect(group.view?.arrivalRate).toBeLessThan(12 * 60 * 1.05);
  });

  test("an up soon after a down doubles the window, and that wears off", () => {
    const group = new Group(new Array(12).fill(50), 12);
    group.perMember = 100;
    group.looks(10);
    group.arrival = new Array(12).fill(5);
    group.looks(100);
    expect(group.replicas).toBeLessThan(12);
    group.arrival = new Array(12).fill(50);
    group.looks(15);
    expect(group.memory?.windowFactor).toBe(2);
    group.arrival = new Array(12).fill(5);
    const again = group.looks(200);
    const down = again.findIndex(({ direction }) => direction === "down");
    expect(down * STEP_MS).toBeGreaterThan(400_000);
  });

  test("what a replica does is learned from its busy time, and from saturated ones where they do less than they say", () => {
    const group = new Group(new Array(12).fill(50), 6);
    const busy = (told: number) => (): Observation => {
      const seen = group.observe();
      const partitions = seen.partitions.map((p) => ({ ...p, busy: { busyMs: 250, n: told / 4 } }));
      return { ...seen, partitions };
    };
    group.perMember = 400;
    for (let i = 0; i < 12; i++) group.look(busy(400)());
    expect(group.view?.perReplicaRate).toBeCloseTo(400, 0);
    group.arrival = new Array(12).fill(300);
    group.perMember = 200;
    for (let i = 0; i < 6; i++) group.look(busy(400)());
    expect(group.view?.perReplicaRate).toBeLessThan(395);
  });

  test("a topic that was made anew, and partitions that are added, begin anew without a negative rate", () => {
    const group = new Group([20, 20], 1);
    group.looks(5);
    const fresh = new Group([20, 20, 20], 1);
    fresh.memory = group.memory;
    fresh.nowMs = group.nowMs;
    for (const { view } of [fresh.look(), fresh.look()].map(() => ({ view: fresh.view }))) {
      expect(view?.arrivalRate).toBeGreaterThanOrEqual(0);
      expect(view?.lag).toBeGreaterThanOrEqual(0);
    }
  });
});

describe("whatever happens", () => {
  const observation = fc.record({
    ends: fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 8 }),
    behind: fc.nat(100_000),
    members: fc.nat(6),
    blind: fc.boolean(),
    seconds: fc.integer({ min: 1, max: 400 }),
    state: fc.constantFrom("Stable" as const, "PreparingRebalance" as const, "Empty" as const),
  });
  const seed = 20261125;

  test(`replicas stay within their limits, downs are 120 s apart, and a memory that went through JSON decides the same (seed ${seed})`, () => {
    fc.assert(
      fc.property(fc.array(observation, { minLength: 1, maxLength: 40 }), (looks) => {
        let [memory, replicas, nowMs, changedAtMs]: [ScalerMemory | undefined, number, number, number] = [
          undefined,
          4,
          0,
          -1e9,
        ];
        for (const look of looks) {
          nowMs += look.seconds * 1000;
          const partitions = look.ends.map((end, partition) => ({
            topic: "t",
            partition,
            committed: Math.max(0, end - look.behind),
            start: 0,
            end,
            busy: undefined,
          }));
          const members = Array.from({ length: look.members }, (_, i) => ({
            id: `m${i}`,
            partitions: partitions.filter((p) => p.partition % look.members === i),
          }));
          const seen: Observation | BlindObservation = look.blind
            ? { blind: "away", replicas }
            : { partitions, group: { state: look.state, members }, replicas, readyReplicas: look.members };
          const kept = memory && parseMemory(writeMemory(memory));
          expect(kept && writeMemory(kept)).toEqual(memory && writeMemory(memory));
          const { decision, memory: next } = decide(SPEC, seen, memory, nowMs);
          expect(decide(SPEC, seen, kept, nowMs).decision).toEqual(decision);
          expect(decision.replicas).toBeGreaterThanOrEqual(SPEC.minReplicas);
          expect(decision.replicas).toBeLessThanOrEqual(SPEC.maxReplicas);
          if (decision.direction === "down") expect(nowMs - changedAtMs).toBeGreaterThanOrEqual(120_000);
          if (look.blind) expect(decision.replicas).toBe(replicas);
          if (decision.direction !== "none") changedAtMs = nowMs;
          replicas = decision.replicas;
          memory = next;
        }
      }),
      { seed, numRuns: 200 },
    );
  });

  test("a memory fits into a status, and a damaged one is refused", () => {
    const group = new Group(new Array(64).fill(1234.5678), 8);
    group.looks(100);
    const text = writeMemory(group.memory as ScalerMemory);
    expect(text.length).toBeLessThan(16_384);
    expect(parseMemory(text)).toBeDefined();
    for (const bad of [
      "",
      "{",
      "null",
      '{"version":2}',
      text.replace('"version":1', '"version":9'),
      text.replace(/"best":[^,]+/, '"best":"x"'),
      text.replace(/"behind":\[[^,]+,/, '"behind":['),
      text.replace(/"done":[^,}]+/, '"done":null'),
    ]) {
      expect(parseMemory(bad)).toBeUndefined();
    }
  });
});

test("more that arrives, anywhere, never makes it recommend fewer replicas (seed 20261125)", () => {
  const partition = fc.record({ first: fc.nat(5000), second: fc.nat(5000), more: fc.nat(5000), behind: fc.nat(3000) });
  const spec: ScalerSpec = { ...SPEC, capacity: { mode: "Auto", initialPerReplica: 100 } };
  fc.assert(
    fc.property(fc.array(partition, { minLength: 1, maxLength: 24 }), (partitions) => {
      const look = (ends: number[], committed: number[]): Observation => ({
        partitions: ends.map((end, p) => ({
          topic: "t",
          partition: p,
          committed: committed[p],
          start: 0,
          end,
          busy: undefined,
        })),
        group: { state: "Stable", members: [] },
        replicas: 3,
        readyReplicas: 3,
      });
      const firstEnds = partitions.map(({ first }) => first);
      const committed = partitions.map(({ first, behind }) => Math.max(0, first - behind));
      const { memory } = decide(spec, look(firstEnds, committed), undefined, 0);
      const recommended = (more: boolean) => {
        const ends = partitions.map((p) => p.first + p.second + (more ? p.more : 0));
        return decide(spec, look(ends, committed), memory, STEP_MS).view?.recommendedReplicas ?? Number.NaN;
      };
      expect(recommended(true)).toBeGreaterThanOrEqual(recommended(false));
    }),
    { seed: 20261125, numRuns: 500 },
  );
});
