import { describe, expect, test } from "vitest";
import { busiestShare, type CapacityInput, learn, planningRate } from "./capacity.ts";
import type { ScalerSpec } from "./model.ts";

type Mode = ScalerSpec["capacity"]["mode"];
interface Part {
  readonly throughput: number | undefined;
  readonly backlog: number;
  readonly busy?: { readonly busyMs: number; readonly n: number };
}

/** Members with these partitions each, as seen after 10 s. */
function seen(mode: Mode, members: readonly (readonly Part[])[], more: Partial<CapacityInput> = {}): CapacityInput {
  const parts = members.flat();
  const key = (part: Part) => ({ topic: "t", partition: parts.indexOf(part) });
  return {
    spec: { mode, initialPerReplica: undefined },
    observation: {
      partitions: parts.map((part) => ({ ...key(part), committed: 0, start: 0, end: 0, busy: part.busy })),
      group: { state: "Stable", members: members.map((own, i) => ({ id: `m${i}`, partitions: own.map(key) })) },
      replicas: members.length,
      readyReplicas: members.length,
    },
    partitions: new Map(parts.map((part, i) => [`t/${i}`, part])),
    rate: undefined,
    best: 0,
    seconds: 10,
    settled: true,
    ...more,
  };
}

describe("what a replica can do", () => {
  const half = { busyMs: 500, n: 100 };

  test("is what replicas say: records over the time they were busy, not over all time", () => {
    expect(learn(seen("Auto", [[{ throughput: 100, backlog: 0, busy: half }]])).rate).toBe(200);
  });

  test("is not told by replicas that have hardly anything to do, nor by a commit of long ago", () => {
    const idle = { throughput: 10, backlog: 0, busy: { busyMs: 100, n: 10 } };
    expect(learn(seen("Auto", [[idle]])).rate).toBeUndefined();
    expect(learn(seen("Auto", [[{ throughput: 0, backlog: 0, busy: half }]])).rate).toBeUndefined();
  });

  test("is not told by many partitions that seldom commit: each says how long a record took, not how often one comes", () => {
    const seldom = Array.from({ length: 12 }, () => ({ throughput: 0.1, backlog: 0, busy: { busyMs: 20, n: 1 } }));
    expect(learn(seen("Auto", [seldom])).rate).toBeUndefined();
    expect(busiestShare(seen("Auto", [seldom]))).toBeCloseTo(0.024, 6);
  });

  test("is told by the busy members alone, and the busiest one's share is its own", () => {
    const hot = { throughput: 100, backlog: 0, busy: { busyMs: 900, n: 100 } };
    const idle = { throughput: 1, backlog: 0, busy: { busyMs: 50, n: 1 } };
    const group = seen("Auto", [[hot], [{ ...idle }], [{ ...idle }]]);
    expect(learn(group).rate).toBeCloseTo(1000 / 9, 6);
    expect(busiestShare(group)).toBeCloseTo(0.9, 6);
    expect(busiestShare(seen("KafkaOnly", [[hot]]))).toBeUndefined();
    expect(busiestShare(seen("Auto", [[{ throughput: 100, backlog: 0 }]]))).toBeUndefined();
  });

  test("is the median of what saturated members do, where nothing but Kafka is to be believed", () => {
    const member = (throughput: number) => [{ throughput, backlog: 50, busy: half }];
    expect(learn(seen("KafkaOnly", [member(90), member(100), member(300)])).rate).toBe(100);
    expect(learn(seen("KafkaOnly", [[{ throughput: 90, backlog: 0 }]])).rate).toBeUndefined();
  });

  test("is seen at a member whose every partition that is in use waits; an idle one says nothing, one that is served does", () => {
    const full = { throughput: 100, backlog: 50 };
    const idle = { throughput: 0, backlog: 0 };
    const served = { throughput: 5, backlog: 0 };
    expect(learn(seen("KafkaOnly", [[full, { ...idle }]])).rate).toBe(100);
    expect(learn(seen("KafkaOnly", [[full, served]])).rate).toBeUndefined();
    expect(learn(seen("KafkaOnly", [[idle]])).rate).toBeUndefined();
  });

  test("is what saturated members do, where they do clearly less than they say; never in mode Busy", () => {
    const less = [[{ throughput: 120, backlog: 50, busy: half }]];
    expect(learn(seen("Auto", less)).rate).toBe(120);
    expect(learn(seen("Busy", less)).rate).toBe(200);
    expect(learn(seen("Auto", [[{ throughput: 190, backlog: 50, busy: half }]])).rate).toBe(200);
  });

  test("is not learned while a group is dealt anew", () => {
    const input = seen("Auto", [[{ throughput: 100, backlog: 0, busy: half }]], { settled: false, rate: 70, best: 60 });
    expect(learn(input)).toEqual({ rate: 70, best: 60 });
  });

  test("moves down to a sample within about a minute, and up to one sooner", () => {
    const learned = (rate: number) =>
      learn(seen("Auto", [[{ throughput: 100, backlog: 0, busy: half }]], { rate })).rate;
    expect(learned(300)).toBeCloseTo(300 - 100 * (1 - Math.exp(-10 / 60)), 6);
    expect(learned(100)).toBeCloseTo(100 + 100 * (1 - Math.exp(-10 / 15)), 6);
  });

  test("is what was declared while nothing is learned, else half as much again as the best that was seen", () => {
    expect(planningRate({ rate: 80, best: 90 }, { mode: "Auto", initialPerReplica: 5000 })).toBe(80);
    expect(planningRate({ rate: undefined, best: 90 }, { mode: "Auto", initialPerReplica: 5000 })).toBe(5000);
    expect(planningRate({ rate: undefined, best: 90 }, { mode: "Auto", initialPerReplica: undefined })).toBe(135);
    expect(planningRate({ rate: undefined, best: 0 }, { mode: "Auto", initialPerReplica: undefined })).toBe(0);
  });
});
