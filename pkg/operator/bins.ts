// How full the fullest member of a group is for a number of members: kafkajs deals partitions round-robin. No state.

/** What a partition asks of its member, records/s. */
export type Load = number;

/**
 * Load of the fullest of `members` when partition i goes to member i mod members, as kafkajs' round-robin assigner deals
 * them (partitions in order of their number).
 */
export function fullest(loads: readonly Load[], members: number): number {
  if (members >= loads.length) return Math.max(0, ...loads);
  const sums = new Array<number>(members).fill(0);
  for (let i = 0; i < loads.length; i++) sums[i % members] = (sums[i % members] ?? 0) + (loads[i] ?? 0);
  return Math.max(0, ...sums);
}

export interface Enough {
  readonly replicas: number;
  /** No number of members gets below the rate: one partition alone is above it, and more members would not help. */
  readonly partitionBound: boolean;
  /** More than `max` would be needed. */
  readonly limited: boolean;
}

/** Of what all partitions' own members would give; less than this is not worth a replica. */
const WORTH = 0.98;

/**
 * The least number of members, from `min` to `max`, of which the fullest has at most `rate` to do. More members than
 * partitions never help. When one partition alone is above the rate: the least that gives it at least 98 % of what it would
 * have with a member of its own.
 */
export function leastMembers(loads: readonly Load[], rate: number, min: number, max: number): Enough {
  const most = Math.max(min, Math.min(max, loads.length));
  const alone = fullest(loads, Math.max(1, loads.length));
  const partitionBound = alone > rate;
  const bound = partitionBound ? alone / WORTH : rate;
  for (let n = min; n <= most; n++) {
    if (fullest(loads, Math.max(1, n)) <= bound) return { replicas: n, partitionBound, limited: false };
  }
  return { replicas: most, partitionBound, limited: most < loads.length };
}
