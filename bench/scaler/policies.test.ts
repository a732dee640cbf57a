import { describe, expect, test } from "vitest";
import type { Observation } from "../../pkg/operator/model.ts";
import { keda } from "./policies.ts";

/** A look at a group with so much lag, in one partition. */
const withLag = (lag: number) => (): Observation => ({
  partitions: [{ topic: "t", partition: 0, committed: 0, start: 0, end: lag, busy: undefined }],
  group: { state: "Stable", members: [] },
  replicas: 1,
  readyReplicas: 1,
});

describe("KEDA's formula behind the HPA", () => {
  test("asks for lag over threshold, at most one replica for each partition", () => {
    expect(keda("", 10).next(15, withLag(95), 8)).toBe(10);
    expect(keda("", 10).next(15, withLag(1_000_000), 20)).toBe(24);
  });

  test("leaves things as they are within a tenth: of 24 partitions 22 replicas never reach 24", () => {
    expect(keda("", 10).next(15, withLag(1_000_000), 22)).toBe(22);
    expect(keda("", 10).next(15, withLag(1_000_000), 21)).toBe(24);
  });

  test("goes up by at most four replicas or the double, every 15 s", () => {
    const policy = keda("", 10);
    expect(policy.next(15, withLag(240), 1)).toBe(5);
    expect(policy.next(20, withLag(240), 5)).toBeUndefined();
    expect(policy.next(30, withLag(240), 5)).toBe(10);
  });

  test("goes down to the most that was asked for within 300 s", () => {
    const policy = keda("", 10);
    policy.next(15, withLag(240), 24);
    policy.next(30, withLag(120), 24);
    expect(policy.next(300, withLag(0), 24)).toBe(24);
    expect(policy.next(315, withLag(0), 24)).toBe(12);
    expect(policy.next(330, withLag(0), 12)).toBe(1);
  });

  test("does nothing while the source does not answer", () => {
    expect(keda("", 10).next(15, () => undefined, 7)).toBeUndefined();
  });
});
