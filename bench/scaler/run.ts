// One policy over one trace and one seed: what it cost and what it did not prevent.
import { OBJECTIVE_S, type Policy } from "./policies.ts";
import { PARTITIONS, PER_REPLICA, type Trace } from "./traces.ts";
import { World } from "./world.ts";

export interface Figures {
  /** Minutes in which the oldest record had waited for longer than the objective. */
  violationMinutes: number;
  replicaHours: number;
  rebalances: number;
  /** s */
  worstLag: number;
}

/** Runs to the end of the trace. */
export function play(trace: Trace, seed: number, commitSeconds: number, policy: Policy): Figures {
  const world = new World({
    partitions: PARTITIONS,
    perReplica: PER_REPLICA,
    commitSeconds,
    replicas: 4,
    seed,
    ...trace.make(seed),
  });
  let [violations, worstLag] = [0, 0];
  for (let second = 1; second <= trace.seconds; second++) {
    world.step();
    const lag = world.lagSeconds;
    if (lag > OBJECTIVE_S) violations++;
    worstLag = Math.max(worstLag, lag);
    const wanted = policy.next(second, () => world.observe(), world.replicas);
    if (wanted !== undefined && wanted !== world.replicas) world.scale(wanted);
  }
  return {
    violationMinutes: violations / 60,
    replicaHours: world.replicaSeconds / 3600,
    rebalances: world.rebalances,
    worstLag,
  };
}

/** The sum over runs; the worst lag is the worst of all. */
export function total(all: readonly Figures[]): Figures {
  return all.reduce(
    (sum, each) => ({
      violationMinutes: sum.violationMinutes + each.violationMinutes,
      replicaHours: sum.replicaHours + each.replicaHours,
      rebalances: sum.rebalances + each.rebalances,
      worstLag: Math.max(sum.worstLag, each.worstLag),
    }),
    { violationMinutes: 0, replicaHours: 0, rebalances: 0, worstLag: 0 },
  );
}
