import { describe, expect, test } from "vitest";
import { World, type WorldOptions } from "./world.ts";

function world(options: Partial<WorldOptions>): World {
  const steady = { partitions: 4, perReplica: 100, commitSeconds: 1, replicas: 2, seed: 1, arrival: () => 20 };
  return new World({ ...steady, ...options });
}

function lagAfter(seconds: number, of: World): number {
  for (let i = 0; i < seconds; i++) of.step();
  return of.lagSeconds;
}

const totalLag = (of: World) =>
  of.observe()?.partitions.reduce((sum, { end, committed = 0 }) => sum + end - committed, 0) ?? Number.NaN;

describe("the simulator's world", () => {
  test("a group that can do what arrives has no lag but what it has not committed yet", () => {
    const every5s = world({ commitSeconds: 5 });
    expect(lagAfter(300, every5s)).toBe(0);
    expect(totalLag(every5s)).toBeGreaterThan(0);
    expect(totalLag(every5s)).toBeLessThanOrEqual(4 * 20 * 5);
  });

  test("one that cannot falls behind by what is too much for it", () => {
    const slow = world({ arrival: () => 100 });
    lagAfter(600, slow);
    // 400 arrive and about 200 are done, each second.
    expect(totalLag(slow) / 600).toBeGreaterThan(170);
    expect(totalLag(slow) / 600).toBeLessThan(230);
    expect(slow.lagSeconds).toBeGreaterThan(200);
  });

  test("replicas that are wanted work only after they have started, and while partitions are dealt anew nobody does", () => {
    const growing = world({ replicas: 1, arrival: () => 20 });
    lagAfter(60, growing);
    growing.scale(2);
    lagAfter(10, growing);
    expect(growing.observe()?.group.members).toHaveLength(1);
    expect(growing.replicas).toBe(2);
    let stoodStill = 0;
    for (let i = 0; i < 40; i++) {
      growing.step();
      stoodStill = Math.max(stoodStill, growing.lagSeconds);
    }
    expect(growing.observe()?.group.members).toHaveLength(2);
    expect(growing.rebalances).toBe(1);
    expect(stoodStill).toBeGreaterThanOrEqual(5);
  });

  test("a broker that is away shows nothing, takes nothing and loses nothing", () => {
    const away = world({ outage: (t) => t > 100 && t <= 160 });
    lagAfter(130, away);
    expect(away.observe()).toBeUndefined();
    lagAfter(100, away);
    expect(away.observe()?.partitions.every(({ end }) => end === 20 * 170)).toBe(true);
  });

  test("the same seed gives the same world", () => {
    const [a, b] = [world({ arrival: () => 55, seed: 7 }), world({ arrival: () => 55, seed: 7 })];
    lagAfter(200, a);
    lagAfter(200, b);
    expect(a.observe()).toEqual(b.observe());
  });
});
