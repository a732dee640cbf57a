// The scaler's decision: how many replicas, and why. A pure function of what was seen, what is remembered and the time; the
// controller and the simulator call the same one. Never scales down on a first look, never from a part of the sum.
import { addPoint, ageOf, keyOf, type PartitionView, positionOf, viewPartition } from "./arrival.ts";
import { type Enough, leastMembers } from "./bins.ts";
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
/** A group that does not settle for so long is scaled up all the same: it may be too slow to come to rest, ms. */
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
  const before = memory ?? newMemory(nowMs);
  if ("blind" in observation) return blind(spec, observation, before, nowMs);
  const look = see(spec, observation, before, nowMs);
  return { decision: choose(spec, look), memory: look.memory, view: look.view };
}

/** Everything that is known at one look; what is to be done about it comes after. */
interface Look {
  readonly nowMs: number;
  readonly replicas: number;
  readonly settled: boolean;
  readonly up: Enough;
  readonly down: Enough;
  /** Share of the busiest member's time, as it says; undefined = not known. */
  readonly busy: number | undefined;
  readonly partitions: readonly PartitionView[];
  readonly memory: ScalerMemory;
  readonly view: ScalerView;
}

function see(spec: ScalerSpec, observation: Observation, before: ScalerMemory, nowMs: number): Look {
  const { replicas, group } = observation;
  const seconds = (nowMs - before.atMs) / 1000;
  const gap = before.partitions.length === 0 || nowMs - before.atMs > GAP_MS || seconds <= 0;
  const known = new Map(before.partitions.map((partition) => [partition.key, partition]));
  const views = observation.partitions.map((seen) =>
    viewPartition(seen, known.get(keyOf(seen)), seconds, spec.commitIntervalSeconds),
  );
  const assignment = assignmentOf(observation);
  const assignedAtMs = assignment === before.assignment ? before.assignedAtMs : nowMs;
  const complete = group.state === "Stable" && group.members.length === replicas;
  const settled = complete && nowMs - assignedAtMs >= SETTLE_MS;
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
  const { up, down } = demand(spec, views, rate, replicas);
  const stuck = views.some(({ backlog }) => backlog > 0) && !views.some(({ throughput }) => (throughput ?? 1) > 0);
  const seeingSinceMs = gap ? nowMs : before.seeingSinceMs;
  const memory: ScalerMemory = {
    ...before,
    atMs: nowMs,
    partitions: views.map((view) => view.memory),
    points,
    ...capacity,
    assignment,
    assignedAtMs,
    unsettledSinceMs: settled ? undefined : (before.unsettledSinceMs ?? nowMs),
    seeingSinceMs,
    blindSinceMs: undefined,
    stuckSinceMs: stuck ? (before.stuckSinceMs ?? nowMs) : undefined,
    replicas,
    arrival: totals(views).arrivalRate,
  };
  const changed = afterChange(remember(memory, gap, down.replicas, nowMs), before, spec, nowMs);
  const judged = judge(changed, views, settled, nowMs);
  const lagSeconds = Math.max(
    0,
    ...observation.partitions.map((seen, i) => lagSecondsOf(seen, views[i], points, i, nowMs)),
  );
  const utilization = rate > 0 ? Math.max(0, ...currentLoads(observation, views)) / rate : undefined;
  const view: ScalerView = {
    ...totals(views),
    lagSeconds,
    perReplicaRate: rate > 0 ? rate : undefined,
    utilization,
    members: group.members.length,
    recommendedReplicas: up.replicas,
    capacityKnown: capacity.rate !== undefined || spec.capacity.initialPerReplica !== undefined,
    partitionBound: rate > 0 && views.some((each) => each.memory.slow / spec.behavior.targetUtilization > rate),
    limited: up.limited,
    holding: judged.holdUntilMs !== undefined && nowMs < judged.holdUntilMs,
  };
  return { nowMs, replicas, settled, up, down, busy: busiestShare(work), partitions: views, memory: judged, view };
}

function totals(views: readonly PartitionView[]) {
  return {
    lag: sum(views.map((each) => each.lag)),
    arrivalRate: sum(views.map((each) => each.arrival)),
    partitions: views.length,
  };
}

/** How many replicas the arrival and the backlog ask for, with more in hand for going down than for going up. */
function demand(spec: ScalerSpec, views: readonly PartitionView[], rate: number, replicas: number) {
  const { minReplicas: min, maxReplicas: max } = spec;
  if (!(rate > 0)) {
    // Nothing is known of what a replica does; nothing to do is for the fewest all the same.
    const idle = views.every(({ arrival, backlog }) => arrival === 0 && backlog === 0);
    const n = idle ? min : Math.min(max, Math.max(min, replicas));
    const kept = { replicas: n, limited: false };
    return { up: kept, down: kept };
  }
  const at = (utilization: number) =>
    views.map(({ arrival, backlog }) => arrival / utilization + backlog / spec.objective.drainSeconds);
  const target = spec.behavior.targetUtilization;
  return {
    up: leastMembers(at(target), rate, min, max),
    down: leastMembers(at(Math.min(DOWN_UTILIZATION, target)), rate, min, max),
  };
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
  if (pressed !== undefined && look.up.replicas > replicas) return goUp(spec, look, pressed, stay);
  if (pressed === "lag" && memory.rate === undefined && replicas < Math.min(max, view.partitions)) {
    if (view.holding) return stay("ineffective", "the last scale-up brought nothing: waiting before another");
    // Nobody has ever been seen to work: the one who has the partition may be unable to.
    return move(replicas, replicas + 1, "exploring", "records wait, and what a replica can do is not known yet");
  }
  if (pressed !== undefined && look.up.limited) {
    return stay("max-replicas", `more than ${max} replicas would be needed`);
  }
  if (pressed !== undefined && view.partitionBound) {
    return stay("partition-bound", "one partition alone brings as much as a replica can do");
  }
  return look.settled ? goDown(spec, look, stay) : stay("unsettled", "the group does not come to rest");
}

/** Why more is needed, if it is. */
function isPressed(spec: ScalerSpec, { view, busy }: Look): "utilization" | "lag" | undefined {
  if (view.lagSeconds > spec.objective.maxLagSeconds / 3) return "lag";
  return (view.utilization ?? 0) > BUSY && (busy ?? 1) > HAS_ROOM ? "utilization" : undefined;
}

type Stay = (reason: DecisionReason, message: string) => Decision;

function goUp(spec: ScalerSpec, look: Look, why: "utilization" | "lag", stay: Stay): Decision {
  if (look.view.holding) return stay("ineffective", "the last scale-up brought nothing: waiting before another");
  const { trial } = look.memory;
  if (trial !== undefined && look.view.arrivalRate < trial.arrival * TRIAL_GROWTH) {
    return stay("trial", "what the last scale-up brings is not to be seen yet");
  }
  const to = Math.min(look.up.replicas, look.replicas + spec.behavior.maxStep);
  const { lagSeconds, utilization } = look.view;
  const used = utilization === undefined ? "unknown" : `${Math.round(utilization * 100)} %`;
  return move(look.replicas, to, why, `lag ${lagSeconds.toFixed(1)} s, ${used} of the service rate in use`);
}

function goDown(spec: ScalerSpec, look: Look, stay: Stay): Decision {
  const { replicas, memory, nowMs, view } = look;
  const window = windowMs(memory, spec, nowMs);
  const within = memory.enough.filter(({ atMs }) => nowMs - atMs <= window);
  const enough = Math.max(look.down.replicas, ...within.map(({ n }) => n));
  if (enough >= replicas) return stay("steady", `${replicas} replicas are right`);
  if (view.lagSeconds >= spec.objective.maxLagSeconds / 3) return stay("steady", "no scale-down while records wait");
  // A first look has seen nothing arrive yet, however short the window is.
  if (nowMs - memory.seeingSinceMs < window || nowMs === memory.seeingSinceMs) {
    return stay("window", "fewer replicas would do, but not for long enough yet");
  }
  // Of a scaler that has just begun nobody knows when the last change was.
  if (nowMs - (memory.lastScaleMs ?? memory.seeingSinceMs) < DOWN_SPACING_MS) {
    return stay("window", "the last change was a moment ago");
  }
  const to = Math.max(enough, replicas - spec.behavior.maxStep);
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
  const waiting = views.flatMap(({ backlog }, i) => (backlog > 0 ? [i] : []));
  if (waiting.length === 0 || trial.before.length !== views.length) return { ...memory, trial: undefined };
  if (!settled || nowMs - Math.max(memory.assignedAtMs, trial.atMs) < SETTLE_MS + TRIAL_MS) return memory;
  const before = sum(waiting.map((i) => trial.before[i] ?? 0));
  const now = sum(waiting.map((i) => Math.max(0, memory.partitions[i]?.done ?? 0)));
  const gained = now / Math.max(before, 1e-9) - 1;
  const expected = trial.to / trial.from - 1;
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
