// H2: half blind. No decision comes from a part of the sum, and a rebuilt controller goes on from what was kept.
import { describe, expect, test } from "vitest";
import { decide } from "../../pkg/operator/decide.ts";
import type { BlindObservation, Decision, Observation, ScalerSpec, ScalerView } from "../../pkg/operator/model.ts";
import { parseMemory, type ScalerMemory, writeMemory } from "../../pkg/operator/scaler-memory.ts";

const PARTITIONS = 24;
/** Of each partition; 8 replicas that do 1,000 records/s each are 75 % in use. */
const ARRIVAL = 250;

function specWith(onSourceFailure: ScalerSpec["onSourceFailure"]): ScalerSpec {
  return {
    minReplicas: 1,
    maxReplicas: 24,
    commitIntervalSeconds: 1,
    objective: { maxLagSeconds: 30, drainSeconds: 120 },
    capacity: { mode: "Auto", initialPerReplica: 1000 },
    behavior: { targetUtilization: 0.8, scaleDownWindowSeconds: 300, maxStep: 8 },
    onSourceFailure,
  };
}

interface Poll {
  readonly n: number;
  readonly decision: Decision;
  readonly view: ScalerView | undefined;
}

/** Polls every 10 s: 10 to 16 half blind, 17 to 40 blind, the operator restarted at 20. */
function run(spec: ScalerSpec): Poll[] {
  let [memory, replicas]: [ScalerMemory | undefined, number] = [undefined, 8];
  return Array.from({ length: 60 }, (_, n) => {
    const blind: BlindObservation | undefined =
      n >= 10 && n <= 40
        ? { blind: n <= 16 ? "NOT_LEADER for 2 of 24 partitions" : "no broker answers", replicas }
        : undefined;
    if (n === 20) memory = parseMemory(memory && writeMemory(memory));
    const end = (n + 1) * 10 * ARRIVAL;
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({
      topic: "device_events",
      partition,
      committed: end - ARRIVAL,
      start: 0,
      end,
      busy: { busyMs: 250, n: 250 },
    }));
    const members = Array.from({ length: replicas }, (_, i) => ({
      id: `m${i}`,
      partitions: partitions.filter((p) => p.partition % replicas === i),
    }));
    const seen: Observation = { partitions, group: { state: "Stable", members }, replicas, readyReplicas: replicas };
    const { decision, memory: next, view } = decide(spec, blind ?? seen, memory, n * 10_000);
    memory = next;
    replicas = decision.replicas;
    return { n, decision, view };
  });
}

describe("H2 half blind", () => {
  test("with Hold 8 replicas stay throughout, and the scaler decides again within three polls over the time that passed", () => {
    const polls = run(specWith({ policy: "Hold", afterSeconds: 120, replicas: undefined }));
    expect(new Set(polls.map(({ decision }) => decision.replicas))).toEqual(new Set([8]));
    for (const { n, decision, view } of polls) {
      if (n >= 10 && n <= 40) {
        expect(decision).toMatchObject({ direction: "none", reason: "blind" });
        expect(decision.message).toContain(n <= 16 ? "NOT_LEADER" : "no broker");
        expect(view).toBeUndefined();
      }
    }
    const again = polls.slice(41, 44).at(-1);
    expect(again?.decision.reason).not.toBe("blind");
    expect(again?.view?.arrivalRate).toBeCloseTo(PARTITIONS * ARRIVAL, -2);
  });

  test("with AtLeast 10 after 120 s there are 10 after 120 s and not before, and never fewer than 8", () => {
    const polls = run(specWith({ policy: "AtLeast", afterSeconds: 120, replicas: 10 }));
    const tens = polls.filter(({ decision }) => decision.replicas === 10).map(({ n }) => n);
    expect(tens[0]).toBe(22);
    expect(polls.slice(22, 41).every(({ decision }) => decision.replicas === 10)).toBe(true);
    expect(Math.min(...polls.map(({ decision }) => decision.replicas))).toBeGreaterThanOrEqual(8);
  });

  test("the control: what is left of the sum would have taken replicas away", () => {
    const spec = specWith({ policy: "Hold", afterSeconds: 120, replicas: undefined });
    let [memory, replicas]: [ScalerMemory | undefined, number] = [undefined, 8];
    for (let n = 0; n < 60; n++) {
      const end = (n + 1) * 10 * ARRIVAL;
      // 22 partitions answer "nothing there".
      const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({
        topic: "t",
        partition,
        committed: partition < 2 ? end - ARRIVAL : 0,
        start: 0,
        end: partition < 2 ? end : 0,
        busy: undefined,
      }));
      const members = Array.from({ length: replicas }, (_, i) => ({
        id: `m${i}`,
        partitions: partitions.filter((p) => p.partition % replicas === i),
      }));
      const seen = { partitions, group: { state: "Stable" as const, members }, replicas, readyReplicas: replicas };
      const result = decide(spec, seen, memory, n * 10_000);
      memory = result.memory;
      replicas = result.decision.replicas;
    }
    expect(replicas).toBeLessThan(8);
  });
});
