// What is known after one look at a group: arrival, backlog, rate, how many replicas that asks for. Decides nothing.
import { addPoint, ageOf, keyOf, type PartitionView, positionOf, viewPartition } from "./arrival.ts";
import { type Enough, leastMembers, type Room } from "./bins.ts";
import { busiestShare, learn, planningRate } from "./capacity.ts";
import type { Observation, ScalerSpec, ScalerView } from "./model.ts";
import type { ScalerMemory } from "./scaler-memory.ts";
import { judgeTrial } from "./trial.ts";
import { afterChange, remember } from "./window.ts";

/** After a group was dealt anew its rates mean nothing for so long, ms. */
const SETTLE_MS = 15_000;
/**
 * So long after the last change, ms, a group is taken as it is: members that are missing or strange may be so for good, and one
 * that does not come to rest may be too slow to.
 */
export const UNSETTLED_LIMIT_MS = 180_000;
/** More than this share of the service rate in use asks for more replicas. */
export const BUSY = 0.9;
/** As much may be in use after a scale-down where one partition nearly fills its member: less than what asks for more again. */
const FULL_AFTER_DOWN = 0.8;
/** No commit for so long while records wait, in a partition or in all of them: replicas are not what is missing, ms. */
export const STUCK_MS = 60_000;
/** What a scale-down leaves in use at most. */
const DOWN_UTILIZATION = 0.7;
/** A look further apart than this from the one before begins anew, ms. */
const GAP_MS = 60_000;

/** Everything that is known at one look; what is to be done about it comes after. */
export interface Look {
  readonly nowMs: number;
  readonly replicas: number;
  readonly settled: boolean;
  readonly up: Demand;
  readonly down: Demand;
  /** Share of the busiest member's time, as it says; undefined = not known. */
  readonly busy: number | undefined;
  /** Age of the oldest record that waits where anything moves, s. */
  readonly pressingLag: number;
  readonly memory: ScalerMemory;
  readonly view: ScalerView;
}

/**
 * Looks once.
 * @param before what the last look left
 * @param nowMs the time of the look, ms
 */
export function see(spec: ScalerSpec, observation: Observation, before: ScalerMemory, nowMs: number): Look {
  const { replicas } = observation;
  const seconds = (nowMs - before.atMs) / 1000;
  const gap = before.partitions.length === 0 || nowMs - before.atMs > GAP_MS || seconds <= 0;
  const known = new Map(before.partitions.map((partition) => [partition.key, partition]));
  const views = observation.partitions.map((seen) =>
    viewPartition(seen, known.get(keyOf(seen)), { seconds, nowMs, commitSeconds: spec.commitIntervalSeconds }),
  );
  const { whole, settled, memory: group } = settling(observation, before, nowMs);
  const byKey = new Map(views.map((view) => [view.key, view]));
  const work = { spec: spec.capacity, observation, partitions: byKey };
  const capacity = learn({
    ...work,
    rate: before.rate,
    best: before.best,
    seconds,
    settled: settled && !gap,
  });
  const rate = planningRate(capacity, spec.capacity);
  const points = addPoint(before.points, { atMs: nowMs, ends: observation.partitions.map(({ end }) => end) });
  const stuck = stuckOf(observation, byKey, nowMs);
  const moving = views.map((each) => (stuck.has(each.key) ? { ...each, arrival: 0, backlog: 0 } : each));
  const { up, down } = demand(spec, moving, rate, replicas);
  const standstill = views.some(({ backlog }) => backlog > 0) && !views.some(({ throughput }) => (throughput ?? 1) > 0);
  const memory: ScalerMemory = {
    ...before,
    atMs: nowMs,
    partitions: views.map((view) => view.memory),
    points,
    ...capacity,
    ...group,
    seeingSinceMs: gap ? nowMs : before.seeingSinceMs,
    blindSinceMs: undefined,
    stuckSinceMs: standstill ? (before.stuckSinceMs ?? nowMs) : undefined,
    replicas,
    arrival: totals(views).arrivalRate,
  };
  const changed = afterChange(remember(memory, { spec, gap, n: down.replicas, nowMs }), before, spec, nowMs);
  const judged = judgeTrial(changed, views, whole, nowMs);
  const ages = observation.partitions.map((seen, i) => lagSecondsOf(seen, views[i], points, i, nowMs));
  const utilization = rate > 0 ? Math.max(0, ...currentLoads(observation, byKey)) / rate : undefined;
  const view: ScalerView = {
    ...totals(views),
    lagSeconds: Math.max(0, ...ages),
    perReplicaRate: rate > 0 ? rate : undefined,
    utilization,
    members: observation.group.members.length,
    recommendedReplicas: up.replicas,
    capacityKnown: capacity.rate !== undefined || spec.capacity.initialPerReplica !== undefined,
    partitionBound: rate > 0 && views.some((each) => each.memory.slow / spec.behavior.targetUtilization > rate),
    limited: up.limited,
    stuckPartitions: stuck.size,
    holding: judged.holdUntilMs !== undefined && nowMs < judged.holdUntilMs,
  };
  const pressingLag = Math.max(0, ...ages.filter((_, i) => !stuck.has(views[i]?.key ?? "")));
  return { nowMs, replicas, settled, up, down, pressingLag, busy: busiestShare(work), memory: judged, view };
}

/**
 * How the group is dealt, since when, and whether that can be counted on: `whole` with the members it is to have, or as many more
 * as it had for long; `settled` also with others, when it has been as it is for long enough.
 */
function settling({ group, replicas }: Observation, before: ScalerMemory, nowMs: number) {
  const assignment = assignmentOf(group);
  const assignedAtMs = assignment === before.assignment ? before.assignedAtMs : nowMs;
  const calm = group.state === "Stable" && nowMs - assignedAtMs >= SETTLE_MS;
  const odd = group.members.length - replicas;
  const whole = calm && (odd === 0 || odd === before.oddMembers);
  const since = replicas === before.replicas ? (before.unsettledSinceMs ?? nowMs) : nowMs;
  const taken = calm && !whole && nowMs - since >= UNSETTLED_LIMIT_MS;
  // Only members too many stay for good; those that are missing may just be slow, and what they bring is still to be seen.
  const oddMembers = taken && odd > 0 ? odd : whole && odd === 0 ? undefined : before.oddMembers;
  const unsettledSinceMs = whole ? undefined : since;
  return { whole, settled: whole || taken, memory: { assignment, assignedAtMs, unsettledSinceMs, oddMembers } };
}

function totals(views: readonly PartitionView[]) {
  return {
    lag: sum(views.map((each) => each.lag)),
    arrivalRate: sum(views.map((each) => each.arrival)),
    partitions: views.length,
  };
}

type ByKey = ReadonlyMap<string, PartitionView>;

/**
 * Partitions, by key, in which records wait and none was committed for a while although their member has time for them: what it
 * serves besides has no backlog, or it has nothing else. No number of replicas moves them.
 */
function stuckOf({ group }: Observation, byKey: ByKey, nowMs: number): ReadonlySet<string> {
  const stuck = new Set<string>();
  const isStill = ({ memory: { stillSinceMs } }: PartitionView) =>
    stillSinceMs !== undefined && nowMs - stillSinceMs >= STUCK_MS;
  const moves = ({ throughput }: PartitionView) => (throughput ?? 0) > 0;
  for (const member of group.members) {
    const own = member.partitions.flatMap((each) => byKey.get(keyOf(each)) ?? []);
    const served = own.filter((view) => !isStill(view));
    const still = own.filter(isStill);
    const works = served.some(moves);
    // One that has nothing else to do shows nothing of itself, but the others of the group do.
    const alone = still.length === 1 && [...byKey.values()].some((view) => view !== still[0] && moves(view));
    if (!(works || alone) || served.some(({ backlog }) => backlog > 0)) continue;
    for (const view of still) stuck.add(view.key);
  }
  return stuck;
}

/** How many replicas are asked for at one utilization, and whether a number of them would do. */
export interface Demand extends Enough {
  readonly loads: readonly number[];
  readonly room: Room;
}

/** How many replicas the arrival and the backlog ask for, with more in hand for going down than for going up. */
function demand(spec: ScalerSpec, views: readonly PartitionView[], rate: number, replicas: number) {
  const { minReplicas: min, maxReplicas: max } = spec;
  if (!(rate > 0)) {
    // Nothing is known of what a replica does; nothing to do is for the fewest all the same.
    const idle = views.every(({ arrival, backlog }) => arrival === 0 && backlog === 0);
    const n = idle ? min : Math.min(max, Math.max(min, replicas));
    const room = { planned: Number.POSITIVE_INFINITY, utmost: Number.POSITIVE_INFINITY };
    const kept: Demand = { replicas: n, limited: false, loads: [], room };
    return { up: kept, down: kept };
  }
  const at = (utilization: number, full: number): Demand => {
    const loads = views.map(({ arrival, backlog }) => arrival / utilization + backlog / spec.objective.drainSeconds);
    const room = { planned: rate, utmost: Math.max(rate, (rate * full) / utilization) };
    return { ...leastMembers(loads, room, min, max), loads, room };
  };
  const target = spec.behavior.targetUtilization;
  return { up: at(target, BUSY), down: at(Math.min(DOWN_UTILIZATION, target), FULL_AFTER_DOWN) };
}

/** Arrival at each member as the group is dealt now. */
function currentLoads({ group }: Observation, byKey: ByKey): number[] {
  return group.members.map(({ partitions }) => sum(partitions.map((each) => byKey.get(keyOf(each))?.arrival ?? 0)));
}

function lagSecondsOf(
  seen: Observation["partitions"][number],
  view: PartitionView | undefined,
  points: ScalerMemory["points"],
  index: number,
  nowMs: number,
): number {
  // What is no work has no age: it would grow for ever.
  if (view === undefined || view.backlog <= 0) return 0;
  return ageOf(points, index, positionOf(seen), nowMs);
}

function assignmentOf(group: Observation["group"]): string {
  const members = group.members.map(({ id, partitions }) => `${id}:${partitions.map(keyOf).sort().join(",")}`);
  return `${group.state} ${hash(members.sort().join(";"))}`;
}

/** FNV-1a, 32 bits: only whether it is the same as before counts. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value >>> 0).toString(36);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
