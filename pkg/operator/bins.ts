// How full the members of a group are for a number of members: kafkajs deals partitions round-robin. No state.

/** What a partition asks of its member, records/s. */
export type Load = number;

/** What a member may have to do, records/s, when it is planned for: less than its rate by what is to be kept in hand. */
export interface Room {
  /** Sum of the loads of one member. */
  readonly planned: number;
  /** As much as a member can bear whose biggest partition leaves it no choice: >= planned. */
  readonly utmost: number;
}

export interface Enough {
  readonly replicas: number;
  /** More than `max` would be needed. */
  readonly limited: boolean;
}

/** Of the plan, that a partition which is too much for anybody may share: less is not worth a replica. */
const SHARED = 0.02;
/** Of the plan, that the others of a member may have beside a partition that nearly fills it, up to the utmost. */
const BESIDE = 0.1;

/**
 * The least number of members, from `min` to `max`, of which each has at most its room to do; more members than partitions
 * never help. A partition that alone is above the room gets at least 98 % of a member, which is as good as its own.
 * Never falls when a load rises.
 */
export function leastMembers(loads: readonly Load[], room: Room, min: number, max: number): Enough {
  const most = Math.max(min, Math.min(max, loads.length));
  for (let n = min; n <= most; n++) {
    if (isEnough(loads, room, Math.max(1, n))) return { replicas: n, limited: false };
  }
  return { replicas: most, limited: most < loads.length };
}

/** Whether so many members carry it. Of more members some may be fuller: round-robin may put two big partitions together. */
export function isEnough(loads: readonly Load[], { planned, utmost }: Room, members: number): boolean {
  for (let member = 0; member < Math.min(members, loads.length); member++) {
    const { sum, biggest } = dealtTo(loads, member, members);
    // Falls, or stays, as the biggest grows.
    const beside = Math.max(planned - biggest, Math.min(BESIDE * planned, utmost - biggest), SHARED * planned);
    if (sum - biggest > beside) return false;
  }
  return true;
}

/** What the fullest of so many members has to do, records/s. */
export function fullest(loads: readonly Load[], members: number): Load {
  let most = 0;
  for (let member = 0; member < members; member++) most = Math.max(most, dealtTo(loads, member, members).sum);
  return most;
}

/** How many partitions the member of a partition has, itself included. */
export function shareOf(partition: number, partitions: number, members: number): number {
  return members > 0 ? Math.ceil((partitions - (partition % members)) / members) : partitions;
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
