// How full the members of a group are for a number of members: kafkajs deals partitions round-robin. No state.

/** What a partition asks of its member, records/s. */
export type Load = number;

export interface Enough {
  readonly replicas: number;
  /** More than `max` would be needed. */
  readonly limited: boolean;
}

/** Of the rate, that a partition which is too much for anybody may share: less is not worth a replica. */
const SHARED = 0.02;

/**
 * The least number of members, from `min` to `max`, of which each has at most `rate` to do; more members than partitions
 * never help. A partition that alone is above the rate gets at least 98 % of a member, which is as good as its own.
 * Never falls when a load rises.
 */
export function leastMembers(loads: readonly Load[], rate: number, min: number, max: number): Enough {
  const most = Math.max(min, Math.min(max, loads.length));
  for (let n = min; n <= most; n++) {
    if (isEnough(loads, rate, Math.max(1, n))) return { replicas: n, limited: false };
  }
  return { replicas: most, limited: most < loads.length };
}

function isEnough(loads: readonly Load[], rate: number, members: number): boolean {
  for (let member = 0; member < members; member++) {
    const { sum, biggest } = dealtTo(loads, member, members);
    if (sum > rate && sum - biggest > SHARED * rate) return false;
  }
  return true;
}

/**
 * What the member of that rank among `members` has: kafkajs' round-robin assigner gives partition i to the member of rank
 * i mod members (topics as they were subscribed, partitions in order of their number, members in order of their ids).
 */
export function dealtTo(loads: readonly Load[], rank: number, members: number): { sum: Load; biggest: Load } {
  let [sum, biggest] = [0, 0];
  for (let i = rank; i < loads.length; i += members) {
    const load = loads[i] ?? 0;
    sum += load;
    biggest = Math.max(biggest, load);
  }
  return { sum, biggest };
}
