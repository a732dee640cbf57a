import kafkajs from "kafkajs";
import { expect, test } from "vitest";
import { fullest, leastMembers } from "./bins.ts";

test("partitions are dealt as kafkajs deals them", async () => {
  const loads = [5, 1, 4, 1, 3, 9, 2];
  for (let members = 1; members <= 9; members++) {
    const cluster = { findTopicPartitionMetadata: () => loads.map((_, partitionId) => ({ partitionId })) };
    const assigner = kafkajs.PartitionAssigners.roundRobin({ cluster } as never);
    const ids = Array.from({ length: members }, (_, i) => ({
      memberId: `m-${(i * 7) % 9}`,
      memberMetadata: Buffer.alloc(0),
    }));
    const dealt = await assigner.assign({ members: ids, topics: ["t"] });
    const sums = dealt.map(({ memberAssignment }) => {
      const partitions = kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment.t ?? [];
      return partitions.reduce((sum, p) => sum + (loads[p] ?? 0), 0);
    });
    expect(fullest(loads, members)).toBe(Math.max(...sums));
  }
});

test("the least number of members is taken that is enough, and never more than there are partitions", () => {
  expect(leastMembers([30, 30, 30, 30], 65, 1, 10)).toEqual({ replicas: 2, partitionBound: false, limited: false });
  expect(leastMembers([30, 30, 30, 30], 30, 1, 10)).toEqual({ replicas: 4, partitionBound: false, limited: false });
  expect(leastMembers([30, 30, 30, 30], 30, 1, 3)).toEqual({ replicas: 3, partitionBound: false, limited: true });
  expect(leastMembers([0, 0], 10, 1, 10).replicas).toBe(1);
});

test("a partition that is too much for anybody gets a member nearly of its own, and no more", () => {
  // 120 is above any member's 100; with 4 members it shares with 0.5, which is less than 2 %.
  const found = leastMembers([120, 30, 30, 30, 0.5, 30], 100, 1, 6);
  expect(found).toEqual({ replicas: 4, partitionBound: true, limited: false });
});
