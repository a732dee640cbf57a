// The scaler's decision: how many replicas, and why. A pure function of what was seen, what is remembered and the time; the
// controller and the simulator call the same one. Never scales down on a first look, never from a part of the sum.
import { addPoint, ageOf, keyOf, type PartitionView, positionOf, viewPartition } from "./arrival.ts";
import { type Enough, fullest, isEnough, leastMembers, type Room, shareOf } from "./bins.ts";
import { blind } from "./blind.ts";
import { busiestShare, learn, planningRate } from "./capacity.ts";
import type {
  BlindObservation,
  Decision,
  DecisionReason,
  Observation,
  Outcome,
  ScalerSpec,
  ScalerView,
} from "./model.ts";
import { newMemory, type ScalerMemory } from "./scaler-memory.ts";
import { afterChange, remember, windowMs } from "./window.ts";

/** After a group was dealt anew its rates mean nothing for so long, ms. */
const SETTLE_MS = 15_000;
/**
 * So long after the last change, ms, a group is taken as it is: members that are missing or strange may be so for good, and one
 * that does not come to rest may be too slow to.
 */
const UNSETTLED_LIMIT_MS = 180_000;
/** More than this share of the service rate in use asks for more replicas. */
const BUSY = 0.9;
/** The rate is learned from less than full replicas, whose overhead weighs more: one that says it is less busy than this has room. */
const HAS_ROOM = 0.7;
/** What a scale-down leaves in use at most. */
const DOWN_UTILIZATION = 0.7;
/** At least so long between a scale-down and the change before it, ms. */
const DOWN_SPACING_MS = 120_000;
/** A look further apart than this from the one before begins anew, ms. */
const GAP_MS = 60_000;
/** No commit for so long while records wait: replicas are not what is missing, ms. */
const STUCK_MS = 60_000;
/** A scale-up is judged so long after the group has settled, ms. */
const TRIAL_MS = 15_000;
/** Less than this share of the gain that was expected: more replicas do not help. */
const TRIAL_GAIN = 0.1;
const HOLD_MS = 300_000;
/** When so much more arrives than at a scale-up, the next does not wait to see what that one brought. */
const TRIAL_GROWTH = 1.1;

/**
 * What to do after one look. That it was done is believed when the next look shows it.
 * @param memory what the last call returned; undefined = nothing is known
 * @param nowMs the time of the look, ms since 1970 (any clock that goes forward)
 */
export function decide(
  spec: ScalerSpec,
  observation: Observation | BlindObservation,
  memory: ScalerMemory | undefined,
  nowMs: number,
): Outcome<ScalerMemory> {
  const before = rewound(memory ?? newMemory(nowMs), nowMs);
  if ("blind" in observation) return blind(spec, observation, before, nowMs);
  const look = see(spec, observation, before, nowMs);
  const decision = choose(spec, look);
  const { stuckPartitions } = look.view;
  const note =
    stuckPartitions > 0 ? `; left out: ${stuckPartitions} partitions where records wait and none is committed` : "";
  return { decision: { ...decision, message: decision.message + note }, memory: look.memory, view: look.view };
}

/** After a clock was set back nothing that is remembered of times holds; what a replica can do does. */
function rewound(memory: ScalerMemory, nowMs: number): ScalerMemory {
  if (nowMs >= memory.atMs) return memory;
  const { rate, best, replicas, arrival } = memory;
  return { ...newMemory(nowMs), rate, best, replicas, arrival, lastScaleMs: nowMs };
}

/** Everything that is known at one look; what is to be done about it comes after. */
interface Look {
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

function see(spec: ScalerSpec, observation: Observation, before: ScalerMemory, nowMs: number): Look {
  const { replicas, group } = observation;
  const seconds = (nowMs - before.atMs) / 1000;
  const gap = before.partitions.length === 0 || nowMs - before.atMs > GAP_MS || seconds <= 0;
  const known = new Map(before.partitions.map((partition) => [partition.key, partition]));
  const views = observation.partitions.map((seen) =>
    viewPartition(seen, known.get(keyOf(seen)), { seconds, nowMs, commitSeconds: spec.commitIntervalSeconds }),
  );
  const assignment = assignmentOf(observation);
  const assignedAtMs = assignment === before.assignment ? before.assignedAtMs : nowMs;
  const calm = group.state === "Stable" && nowMs - assignedAtMs >= SETTLE_MS;
  const whole = calm && group.members.length === replicas;
  const unsettledSinceMs = whole
    ? undefined
    : replicas === before.replicas
      ? (before.unsettledSinceMs ?? nowMs)
      : nowMs;
  const settled = whole || (calm && nowMs - (unsettledSinceMs ?? nowMs) >= UNSETTLED_LIMIT_MS);
  const work = {
    spec: spec.capacity,
    observation,
    partitions: new Map(views.map((view) => [view.key, view])),
  };
  const capacity = learn({
    ...work,
    rate: before.rate,
    best: before.best,
    seconds,
    settled: settled && !gap,
  });
  const rate = planningRate(capacity, spec.capacity);
  const points = addPoint(before.points, { atMs: nowMs, ends: observation.partitions.map(({ end }) => end) });
  const stuck = stuckOf(observation, views, nowMs);
  const moving = views.map((each) => (stuck.has(each.key) ? { ...each, arrival: 0, backlog: 0 } : each));
  const { up, down } = demand(spec, moving, rate, replicas);
  const standstill = views.some(({ backlog }) => backlog > 0) && !views.some(({ throughput }) => (throughput ?? 1) > 0);
  const seeingSinceMs = gap ? nowMs : before.seeingSinceMs;
  const memory: ScalerMemory = {
    ...before,
    atMs: nowMs,
    partitions: views.map((view) => view.memory),
    points,
    ...capacity,
    assignment,
    assignedAtMs,
    unsettledSinceMs,
    seeingSinceMs,
    blindSinceMs: undefined,
    stuckSinceMs: standstill ? (before.stuckSinceMs ?? nowMs) : undefined,
    replicas,
    arrival: totals(views).arrivalRate,
  };
  const changed = afterChange(remember(memory, { spec, gap, n: down.replicas, nowMs }), before, spec, nowMs);
  const judged = judge(changed, views, settled, nowMs);
  const ages = observation.partitions.map((seen, i) => lagSecondsOf(seen, views[i], points, i, nowMs));
  const utilization = rate > 0 ? Math.max(0, ...currentLoads(observation, views)) / rate : undefined;
  const view: ScalerView = {
    ...totals(views),
    lagSeconds: Math.max(0, ...ages),
    perReplicaRate: rate > 0 ? rate : undefined,
    utilization,
    members: group.members.length,
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

function totals(views: readonly PartitionView[]) {
  return {
    lag: sum(views.map((each) => each.lag)),
    arrivalRate: sum(views.map((each) => each.arrival)),
    partitions: views.length,
  };
}

/**
 * Partitions, by key, in which records wait and none was committed for a while although their member has time for them: what it
 * serves besides has no backlog. No number of replicas moves them.
 */
function stuckOf({ group }: Observation, views: readonly PartitionView[], nowMs: number): ReadonlySet<string> {
  const known = new Map(views.map((view) => [view.key, view]));
  const stuck = new Set<string>();
  for (const member of group.members) {
    const own = member.partitions.flatMap((each) => known.get(keyOf(each)) ?? []);
    const isStill = ({ memory: { stillSinceMs } }: PartitionView) =>
      stillSinceMs !== undefined && nowMs - stillSinceMs >= STUCK_MS;
    const served = own.filter((view) => !isStill(view));
    const works = served.some(({ throughput }) => (throughput ?? 0) > 0);
    if (!works || served.some(({ backlog }) => backlog > 0)) continue;
    for (const view of own) if (isStill(view)) stuck.add(view.key);
  }
  return stuck;
}

/** How many replicas are asked for at one utilization, and whether a number of them would do. */
interface Demand extends Enough {
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
  const at = (utilization: number): Demand => {
    const loads = views.map(({ arrival, backlog }) => arrival / utilization + backlog / spec.objective.drainSeconds);
    const room = { planned: rate, utmost: Math.max(rate, (rate * BUSY) / utilization) };
    return { ...leastMembers(loads, room, min, max), loads, room };
  };
  const target = spec.behavior.targetUtilization;
  return { up: at(target), down: at(Math.min(DOWN_UTILIZATION, target)) };
}

function choose(spec: ScalerSpec, look: Look): Decision {
  const { replicas, view, memory, nowMs } = look;
  const { minReplicas: min, maxReplicas: max } = spec;
  const stay = (reason: DecisionReason, message: string): Decision => ({
    direction: "none",
    replicas,
    reason,
    message,
  });
  if (replicas < min || replicas > max) {
    const to = Math.min(max, Math.max(min, replicas));
    return move(replicas, to, "bounds", `${replicas} replicas are outside of ${min} to ${max}`);
  }
  if (memory.stuckSinceMs !== undefined && nowMs - memory.stuckSinceMs >= STUCK_MS) {
    return stay("no-progress", "records wait and none is committed: replicas are not what is missing");
  }
  const waitedMs = memory.unsettledSinceMs === undefined ? 0 : nowMs - memory.unsettledSinceMs;
  if (!look.settled && waitedMs < UNSETTLED_LIMIT_MS) {
    return stay("unsettled", `${view.members} members for ${replicas} replicas, or partitions were dealt a moment ago`);
  }
  const pressed = isPressed(spec, look);
  const hasMore = replicas < Math.min(max, view.partitions);
  if (pressed !== undefined && hasMore && !isEnough(look.up.loads, look.up.room, replicas)) {
    return goUp(spec, look, pressed, stay);
  }
  if (pressed === "lag" && memory.rate === undefined && hasMore && look.settled) return explore(look, stay);
  if (pressed !== undefined && look.up.limited) {
    return stay("max-replicas", `more than ${max} replicas would be needed`);
  }
  if (!look.settled) return stay("unsettled", "the group does not come to rest");
  const down = goDown(spec, look, stay);
  if (pressed !== undefined && view.partitionBound && down.direction === "none") {
    return stay("partition-bound", "one partition alone brings as much as a replica can do");
  }
  return down;
}

/** Why more is needed, if it is. */
function isPressed(spec: ScalerSpec, { view, busy, pressingLag }: Look): "utilization" | "lag" | undefined {
  if (pressingLag > spec.objective.maxLagSeconds / 3) return "lag";
  return (view.utilization ?? 0) > BUSY && (busy ?? 1) > HAS_ROOM ? "utilization" : undefined;
}

type Stay = (reason: DecisionReason, message: string) => Decision;

/** Why no further replica may be added yet, if so. */
function waits({ view, memory }: Look, stay: Stay): Decision | undefined {
  if (view.holding) return stay("ineffective", "the last scale-up brought nothing: waiting before another");
  const { trial } = memory;
  if (trial === undefined || view.arrivalRate >= trial.arrival * TRIAL_GROWTH) return undefined;
  return stay("trial", "what the last scale-up brings is not to be seen yet");
}

function goUp(spec: ScalerSpec, look: Look, why: "utilization" | "lag", stay: Stay): Decision {
  const wait = waits(look, stay);
  if (wait !== undefined) return wait;
  const { up, replicas } = look;
  const { lagSeconds, utilization } = look.view;
  const used = utilization === undefined ? "unknown" : `${Math.round(utilization * 100)} %`;
  const wanted = leastMembers(up.loads, up.room, replicas + 1, spec.maxReplicas).replicas;
  const reach = replicas + spec.behavior.maxStep;
  const to = wanted <= reach ? wanted : leastFull(up.loads, replicas + 1, reach);
  return move(replicas, to, why, `lag ${lagSeconds.toFixed(1)} s, ${used} of the service rate in use`);
}

/** Of the numbers of members from..to the least one whose fullest member has least to do: where a step ends matters. */
function leastFull(loads: readonly number[], from: number, to: number): number {
  let best = from;
  for (let n = from + 1; n <= Math.min(to, loads.length); n++) {
    if (fullest(loads, n) < fullest(loads, best)) best = n;
  }
  return best;
}

/** Nobody has ever been seen to work: the one who has the partition may be unable to. */
function explore(look: Look, stay: Stay): Decision {
  const why = "records wait, and what a replica can do is not known yet";
  return waits(look, stay) ?? move(look.replicas, look.replicas + 1, "exploring", why);
}

function goDown(spec: ScalerSpec, look: Look, stay: Stay): Decision {
  const { replicas, memory, nowMs } = look;
  const window = windowMs(memory, spec, nowMs);
  const within = memory.enough.filter(({ atMs }) => nowMs - atMs <= window);
  const enough = Math.max(look.down.replicas, ...within.map(({ n }) => n));
  if (enough >= replicas) return stay("steady", `${replicas} replicas are right`);
  if (look.pressingLag >= spec.objective.maxLagSeconds / 3) return stay("steady", "no scale-down while records wait");
  // A first look has seen nothing arrive yet, however short the window is.
  if (nowMs - memory.seeingSinceMs < window || nowMs === memory.seeingSinceMs) {
    return stay("window", "fewer replicas would do, but not for long enough yet");
  }
  // Of a scaler that has just begun nobody knows when the last change was.
  if (nowMs - (memory.lastScaleMs ?? memory.seeingSinceMs) < DOWN_SPACING_MS) {
    return stay("window", "the last change was a moment ago");
  }
  let to = Math.max(enough, replicas - spec.behavior.maxStep);
  while (to < replicas && !isEnough(look.down.loads, look.down.room, Math.max(1, to))) to++;
  if (to === replicas)
    return stay("steady", `${replicas} replicas are right: a step down would end at a fuller member`);
  return move(replicas, to, "idle", `${enough} replicas were enough for ${Math.round(window / 1000)} s`);
}

function move(from: number, to: number, reason: DecisionReason, message: string): Decision {
  const direction = to > from ? "up" : to < from ? "down" : "none";
  return { direction, replicas: to, reason, message: `${from} to ${to} replicas: ${message}` };
}

/** Looks once at what a scale-up brought, and holds further ones when it was nothing. Never takes it back. */
function judge(memory: ScalerMemory, views: readonly PartitionView[], settled: boolean, nowMs: number): ScalerMemory {
  const { trial } = memory;
  if (trial === undefined) return memory;
  // Of what never waited, or no longer does, the throughput is what arrives, whoever serves it.
  // One whose member has as many partitions as before can gain nothing.
  const relief = (i: number) => shareOf(i, views.length, trial.from) / shareOf(i, views.length, trial.to);
  const waiting = views.flatMap(({ backlog }, i) => (backlog > 0 && relief(i) > 1 ? [i] : []));
  if (waiting.length === 0 || trial.before.length !== views.length) return { ...memory, trial: undefined };
  if (!settled || nowMs - Math.max(memory.assignedAtMs, trial.atMs) < SETTLE_MS + TRIAL_MS) return memory;
  const before = sum(waiting.map((i) => trial.before[i] ?? 0));
  const now = sum(waiting.map((i) => Math.max(0, memory.partitions[i]?.done ?? 0)));
  const gained = now / Math.max(before, 1e-9) - 1;
  const hoped = sum(waiting.map((i) => (trial.before[i] ?? 0) * relief(i)));
  const expected = hoped / Math.max(before, 1e-9) - 1;
  const held = gained < TRIAL_GAIN * expected;
  return { ...memory, trial: undefined, ...(held && { holdUntilMs: nowMs + HOLD_MS }) };
}

/** Arrival at each member as the group is dealt now. */
function currentLoads({ group }: Observation, views: readonly PartitionView[]): number[] {
  const arrivals = new Map(views.map(({ key, arrival }) => [key, arrival]));
  return group.members.map(({ partitions }) => sum(partitions.map((each) => arrivals.get(keyOf(each)) ?? 0)));
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

function assignmentOf({ group }: Observation): string {
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
