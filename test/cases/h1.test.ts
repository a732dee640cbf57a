// H1: lag that is no work. "No committed offset" is neither -1 nor everything ever written; a lag of 1 may stay for ever.
import { expect, test } from "vitest";
import { decide } from "../../pkg/operator/decide.ts";
import type { Decision, Observation, ScalerSpec, ScalerView } from "../../pkg/operator/model.ts";
import type { ScalerMemory } from "../../pkg/operator/scaler-memory.ts";

const SPEC: ScalerSpec = {
  minReplicas: 1,
  maxReplicas: 6,
  commitIntervalSeconds: 1,
  objective: { maxLagSeconds: 30, drainSeconds: 120 },
  capacity: { mode: "Auto", initialPerReplica: undefined },
  behavior: { targetUtilization: 0.8, scaleDownWindowSeconds: 300, maxStep: 8 },
  onSourceFailure: { policy: "Hold", afterSeconds: 120, replicas: undefined },
};

for (const initialPerReplica of [undefined, 5000]) {
  test(`H1 what is no work keeps no replicas, and real work that nobody has committed brings some (a replica's rate ${initialPerReplica ?? "not declared"})`, () => {
    const spec = { ...SPEC, capacity: { mode: "Auto" as const, initialPerReplica } };
    let [memory, replicas, nowMs]: [ScalerMemory | undefined, number, number] = [undefined, 3, 0];
    const look = (p1End: number): { decision: Decision; view: ScalerView | undefined } => {
      nowMs += 10_000;
      const partition = (n: number, committed: number | undefined, start: number, end: number) => ({
        topic: "device_events",
        partition: n,
        committed,
        start,
        end,
        busy: undefined,
      });
      const partitions = [
        partition(0, undefined, 5000, 5000),
        partition(1, undefined, 0, p1End),
        ...[2, 3, 4, 5].map((n) => partition(n, 99, 0, 100)),
      ];
      const members = Array.from({ length: replicas }, (_, i) => ({
        id: `m${i}`,
        partitions: partitions.filter((p) => p.partition % replicas === i),
      }));
      const seen: Observation = { partitions, group: { state: "Stable", members }, replicas, readyReplicas: replicas };
      const result = decide(spec, seen, memory, nowMs);
      memory = result.memory;
      replicas = result.decision.replicas;
      return result;
    };
    const ages: number[] = [];
    for (let i = 0; i < 90; i++) {
      const { view } = look(0);
      expect(view?.lag).toBe(4);
      ages.push(view?.lagSeconds ?? Number.NaN);
    }
    expect(Math.max(...ages)).toBe(Math.min(...ages));
    expect(replicas).toBe(1);

    const first = look(50_000);
    expect(first.view?.lag).toBe(50_004);
    const after = Array.from({ length: 6 }, () => look(50_000));
    expect([first, ...after].some(({ decision }) => decision.direction === "up")).toBe(true);
    expect(after.at(-1)?.view?.lagSeconds).toBeGreaterThan(ages[0] ?? 0);
  });
}
