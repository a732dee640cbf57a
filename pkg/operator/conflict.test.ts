import { expect, test } from "vitest";
import type { Target } from "./cluster.ts";
import { judgeTarget, type TargetMemory } from "./conflict.ts";

const MINUTE_MS = 60_000;
const ALONE = { autoscalers: [], lagScaler: undefined };
const KUBECTL = { manager: "kubectl", ours: false };
const OURS = { manager: "alertcast-operator", ours: true };

const target = (replicas: number, fields: Partial<Target> = {}): Target => ({
  uid: "u",
  replicas,
  readyReplicas: replicas,
  writer: KUBECTL,
  ...fields,
});
const base = (replicas: number): TargetMemory => ({ uid: "u", replicas });
const at = (minutes: number, generation = 1) => ({ generation, nowMs: 1e12 + minutes * MINUTE_MS });

test("the number of a first look is the base, whoever wrote it", () => {
  expect(judgeTarget(undefined, target(3), ALONE, at(0))).toEqual({ memory: base(3), conflict: undefined });
});

test("what we wrote ourselves is no conflict, even when the answer to the write got lost", () => {
  expect(judgeTarget(base(3), target(5, { writer: OURS }), ALONE, at(0)).conflict).toBeUndefined();
  expect(judgeTarget(base(3), target(3), ALONE, at(0)).conflict).toBeUndefined();
});

test("a Deployment that was made anew begins with its own number", () => {
  const { memory, conflict } = judgeTarget(base(3), target(1, { uid: "other" }), ALONE, at(0));
  expect([memory.replicas, conflict]).toEqual([1, undefined]);
});

test("a foreign number stands for five minutes and is then the base", () => {
  const first = judgeTarget(base(3), target(7), ALONE, at(0));
  expect(first.conflict).toMatchObject({ reason: "ForeignWriter", message: expect.stringContaining("kubectl") });
  const later = judgeTarget(first.memory, target(7), ALONE, at(4.9));
  expect(later.conflict?.reason).toBe("ForeignWriter");
  const adopted = judgeTarget(later.memory, target(7), ALONE, at(5));
  expect([adopted.conflict, adopted.memory.replicas]).toEqual([undefined, 7]);
});

test("an edit of the LagScaler takes the foreign number as the base at once", () => {
  const first = judgeTarget(base(3), target(7), ALONE, at(0, 1));
  const adopted = judgeTarget(first.memory, target(7), ALONE, at(0.2, 2));
  expect([adopted.conflict, adopted.memory.replicas]).toEqual([undefined, 7]);
});

test("a foreign number that is put back is forgiven at once", () => {
  const first = judgeTarget(base(3), target(7), ALONE, at(0));
  expect(judgeTarget(first.memory, target(3), ALONE, at(1)).conflict).toBeUndefined();
});

test("one who writes again and again is waited for longer each time, up to an hour; after a quiet hour it is five minutes", () => {
  let memory = base(3);
  let minute = 0;
  const holds: number[] = [];
  for (let n = 0; n < 7; n++) {
    const began = minute;
    let judged = judgeTarget(memory, target(10 + n), ALONE, at(minute));
    while (judged.conflict !== undefined) judged = judgeTarget(judged.memory, target(10 + n), ALONE, at(++minute));
    holds.push(minute - began);
    memory = judged.memory;
  }
  expect(holds).toEqual([5, 10, 20, 40, 60, 60, 60]);
  const quiet = judgeTarget(memory, target(99), ALONE, at(minute + 121));
  expect(judgeTarget(quiet.memory, target(99), ALONE, at(minute + 126)).conflict).toBeUndefined();
});

test("a HorizontalPodAutoscaler is a conflict until it goes; its last number is the base then", () => {
  const during = judgeTarget(base(3), target(9), { autoscalers: ["hpa"], lagScaler: undefined }, at(0));
  expect(during.conflict?.reason).toBe("HorizontalPodAutoscaler");
  const after = judgeTarget(during.memory, target(9), ALONE, at(1));
  expect([after.conflict, after.memory.replicas]).toEqual([undefined, 9]);
});

test("replicas 0 are a stop without an end; another number goes on at once", () => {
  const stopped = judgeTarget(base(3), target(0), ALONE, at(0));
  expect(stopped.conflict?.reason).toBe("ScaledToZero");
  expect(judgeTarget(stopped.memory, target(0), ALONE, at(10_000)).conflict?.reason).toBe("ScaledToZero");
  expect(judgeTarget(stopped.memory, target(2), ALONE, at(1)).conflict).toBeUndefined();
});
