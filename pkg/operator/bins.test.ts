import fc from "fast-check";
import kafkajs from "kafkajs";
import { describe, expect, test } from "vitest";
import { dealtTo, fullest, isEnough, leastMembers, shareOf } from "./bins.ts";

/** Sums of the loads as kafkajs' own assigner deals the partitions of these topics. */
async function dealtByKafkajs(topics: readonly (readonly number[])[], members: number): Promise<number[]> {
  const cluster = {
    findTopicPartitionMetadata: (topic: string) =>
      (topics[Number(topic)] ?? []).map((_, partitionId) => ({ partitionId })),
  };
  const assigner = kafkajs.PartitionAssigners.roundRobin({ cluster } as never);
  const ids = Array.from({ length: members }, (_, i) => ({
    memberId: `m-${(i * 7) % 9}`,
    memberMetadata: Buffer.alloc(0),
  }));
  const dealt = await assigner.assign({ members: ids, topics: topics.map((_, i) => String(i)) });
  return dealt.map(({ memberAssignment }) => {
    const assignment = kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {};
    return Object.entries(assignment)
      .flatMap(([topic, partitions]) => partitions.map((p) => topics[Number(topic)]?.[p] ?? 0))
      .reduce((sum, load) => sum + load, 0);
  });
}

/** The same by our own rule; who has nothing does not appear in kafkajs' answer. */
function dealt(loads: readonly number[], members: number): number[] {
  const ranks = Array.from({ length: Math.min(members, loads.length) }, (_, rank) => rank);
  return ranks.map((rank) => dealtTo(loads, rank, members).sum);
}

const sorted = (sums: readonly number[]) => [...sums].sort((a, b) => a - b);

describe("the deal", () => {
  test("partitions are dealt as kafkajs deals them", async () => {
    const loads = [5, 1, 4, 1, 3, 9, 2];
    for (let members = 1; members <= 9; members++) {
      expect(sorted(dealt(loads, members))).toEqual(sorted(await dealtByKafkajs([loads], members)));
    }
  });

  test("a second topic goes on with the member after the one at which the first has ended", async () => {
    const topics = [
      [5, 1, 4],
      [1, 3, 9, 2],
    ];
    for (let members = 1; members <= 9; members++) {
      expect(sorted(dealt(topics.flat(), members))).toEqual(sorted(await dealtByKafkajs(topics, members)));
    }
  });
});

const room = (planned: number, utmost = planned) => ({ planned, utmost });

describe("the least number of members", () => {
  test("is the first that is enough, and never more than there are partitions", () => {
    expect(leastMembers([30, 30, 30, 30], room(65), 1, 10)).toEqual({ replicas: 2, limited: false });
    expect(leastMembers([30, 30, 30, 30], room(30), 1, 10)).toEqual({ replicas: 4, limited: false });
    expect(leastMembers([30, 30, 30, 30], room(30), 1, 3)).toEqual({ replicas: 3, limited: true });
    expect(leastMembers([0, 0], room(10), 1, 10)).toEqual({ replicas: 1, limited: false });
    expect(leastMembers([30, 30], room(10), 5, 10)).toEqual({ replicas: 5, limited: false });
  });

  test("gives a partition that is too much for anybody a member nearly of its own, and no more", () => {
    // 120 is above any member's 100; with 4 members it shares with 0.5, which is less than 2 %.
    expect(leastMembers([120, 30, 30, 30, 0.5, 30], room(100), 1, 6)).toEqual({ replicas: 4, limited: false });
  });

  test("gives a partition that nearly fills a member a few small ones beside it, as far as a member can bear it", () => {
    // 72 of 70 planned and 90 at the utmost: three of 2 fit beside it, not all 23.
    const loads = Array.from({ length: 24 }, (_, p) => (p === 0 ? 72 : 2));
    expect(leastMembers(loads, room(70, 90), 1, 24)).toEqual({ replicas: 6, limited: false });
    expect(leastMembers(loads, room(70), 1, 24)).toEqual({ replicas: 24, limited: false });
  });

  test("is asked for each number anew: more members may put two big partitions together", () => {
    const loads = Array.from({ length: 24 }, (_, p) => (p % 12 === 0 ? 60 : 2));
    expect(isEnough(loads, room(100), 5)).toBe(true);
    expect(isEnough(loads, room(100), 12)).toBe(false);
    expect([5, 12, 13].map((members) => fullest(loads, members))).toEqual([68, 120, 62]);
  });

  test("counts the partitions of a partition's member", () => {
    expect([0, 3, 4, 19, 20, 23].map((p) => shareOf(p, 24, 20))).toEqual([2, 2, 1, 1, 2, 2]);
  });

  test("does not let the other members drown because one partition is too much for anybody", () => {
    // Two members: the hot partition among idle ones, and 240 on the other, which can do 100.
    const loads = Array.from({ length: 24 }, (_, p) => (p === 0 ? 300 : p % 2 === 0 ? 0 : 20));
    expect(leastMembers(loads, room(100), 1, 24)).toEqual({ replicas: 6, limited: false });
  });

  test("that is the number of partitions, when each of them is too much", () => {
    expect(leastMembers([150, 150, 150], room(100), 1, 24)).toEqual({ replicas: 3, limited: false });
    expect(leastMembers([150, 150, 150], room(100), 1, 2)).toEqual({ replicas: 2, limited: true });
  });

  test("never falls when any partition brings more (seed 20261125)", () => {
    const load = fc.oneof(fc.double({ min: 0, max: 60, noNaN: true }), fc.double({ min: 60, max: 400, noNaN: true }));
    const partitions = fc.array(fc.tuple(load, fc.double({ min: 0, max: 200, noNaN: true })), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(partitions, (both) => {
        const before = leastMembers(
          both.map(([low]) => low),
          { planned: 100, utmost: 112 },
          1,
          30,
        );
        const after = leastMembers(
          both.map(([low, more]) => low + more),
          { planned: 100, utmost: 112 },
          1,
          30,
        );
        expect(after.replicas).toBeGreaterThanOrEqual(before.replicas);
      }),
      { seed: 20261125, numRuns: 1000 },
    );
  });
});
