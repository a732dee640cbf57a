import { describe, expect, test } from "vitest";
import { addPoint, ageOf, positionOf, viewPartition } from "./arrival.ts";
import type { PartitionObservation } from "./model.ts";
import type { EndPoint, PartitionMemory } from "./scaler-memory.ts";

const seen = (end: number, committed: number | undefined, start = 0): PartitionObservation => ({
  topic: "t",
  partition: 0,
  committed,
  start,
  end,
  busy: undefined,
});
const known = (end: number, committed: number, rate = 0): PartitionMemory => ({
  key: "t/0",
  committed,
  end,
  fast: rate,
  slow: rate,
  done: rate,
});
const elapsed = (seconds: number, commitSeconds = 1) => ({ seconds, commitSeconds, nowMs: 1_000_000 });

describe("where the group is", () => {
  test("is the log's start when nothing is committed, or what was committed has expired", () => {
    expect(positionOf(seen(100, undefined, 40))).toBe(40);
    expect(positionOf(seen(100, 10, 40))).toBe(40);
    expect(positionOf(seen(100, 60, 40))).toBe(60);
  });

  test("is never beyond the end: a topic that was made anew has no negative lag", () => {
    expect(viewPartition(seen(5, 1000), known(1000, 1000), elapsed(10, 1))).toMatchObject({
      lag: 0,
      arrival: 0,
      backlog: 0,
    });
  });
});

describe("a partition's arrival", () => {
  test("is what came over the time that has really passed", () => {
    const first = viewPartition(seen(5000, 0), { ...known(2000, 0), fast: -1, slow: -1 }, elapsed(30, 1));
    expect(first.arrival).toBe(100);
  });

  test("follows a burst at once and forgets it slowly", () => {
    const burst = viewPartition(seen(11_000, 11_000), known(1000, 1000), elapsed(10, 1));
    expect(burst.arrival).toBeCloseTo(1000 * (1 - Math.exp(-10 / 20)), 6);
    const later = viewPartition(seen(11_000, 11_000), known(11_000, 11_000, 100), elapsed(60, 1));
    expect(later.arrival).toBeCloseTo(100 * Math.exp(-60 / 180), 6);
  });

  test("of a topic that was made anew begins anew", () => {
    const view = viewPartition(seen(50, 0), known(10_000, 10_000, 70), elapsed(10, 1));
    expect(view).toMatchObject({ arrival: 0, throughput: undefined, memory: { fast: -1, slow: -1, done: -1 } });
  });
});

describe("what was committed of a partition", () => {
  test("is not what has expired before anybody worked on it", () => {
    const expired = viewPartition(seen(500_000, 1000, 400_000), known(490_000, 1000), elapsed(10));
    expect(expired).toMatchObject({ throughput: 0, lag: 100_000 });
    const resumed = viewPartition(seen(510_000, 405_000, 400_000), expired.memory, elapsed(10));
    expect(resumed.throughput).toBe(500);
  });

  test("stands still since the look at which records waited and none was committed, until one is", () => {
    const still = viewPartition(seen(2000, 500), known(2000, 500), elapsed(10));
    expect(still.memory.stillSinceMs).toBe(990_000);
    const later = viewPartition(seen(2000, 500), still.memory, { ...elapsed(10), nowMs: 1_010_000 });
    expect(later.memory.stillSinceMs).toBe(990_000);
    expect(viewPartition(seen(2000, 501), later.memory, elapsed(10)).memory.stillSinceMs).toBeUndefined();
    expect(viewPartition(seen(500, 500), known(500, 500), elapsed(10)).memory.stillSinceMs).toBeUndefined();
  });
});

describe("a partition's backlog", () => {
  test("is not what is committed within the next interval, nor one record for ever", () => {
    expect(viewPartition(seen(2000, 1800), known(1000, 800, 100), elapsed(10)).backlog).toBe(0);
    expect(viewPartition(seen(100, 99), known(100, 99), elapsed(10)).backlog).toBe(0);
    // With commits every 5 s six seconds of arrival are under way.
    expect(viewPartition(seen(2000, 1299), known(1000, 299, 100), elapsed(10, 5)).backlog).toBeCloseTo(100, 6);
  });
});

describe("the age of what waits", () => {
  const points: EndPoint[] = [
    { atMs: 0, ends: [0] },
    { atMs: 10_000, ends: [1000] },
    { atMs: 20_000, ends: [1000] },
    { atMs: 30_000, ends: [2000] },
  ];

  test("is interpolated between looks", () => {
    expect(ageOf(points, 0, 1500, 30_000)).toBe(5);
    expect(ageOf(points, 0, 250, 30_000)).toBe(27.5);
    expect(ageOf(points, 0, 2000, 30_000)).toBe(0);
  });

  test("is at least what the oldest look can tell", () => {
    expect(ageOf([{ atMs: 5000, ends: [700] }], 0, 100, 30_000)).toBe(25);
  });

  test("can be told over more than half an hour, from few points", () => {
    let kept: readonly EndPoint[] = [];
    for (let s = 0; s <= 7200; s += 10) kept = addPoint(kept, { atMs: s * 1000, ends: [s * 100] });
    expect(kept.length).toBeLessThanOrEqual(16);
    for (const age of [5, 25, 300, 1800]) {
      expect(ageOf(kept, 0, (7200 - age) * 100, 7_200_000)).toBeCloseTo(age, 3);
    }
  });

  test("is forgotten with an end that went back, and with other partitions", () => {
    expect(addPoint(points, { atMs: 40_000, ends: [10] })).toHaveLength(1);
    expect(addPoint(points, { atMs: 40_000, ends: [2000, 5] })).toHaveLength(1);
  });
});
