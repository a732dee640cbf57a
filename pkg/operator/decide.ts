// The scaler's decision: how many replicas, and why. A pure function of what was seen, what is remembered and the time; the
// controller and the simulator call the same one. Never scales down on a first look, never from a part of the sum.
import { fullest, isEnough, leastMembers } from "./bins.ts";
import { blind } from "./blind.ts";
import { BUSY, type Look, STUCK_MS, see, UNSETTLED_LIMIT_MS } from "./look.ts";
import type { BlindObservation, Decision, DecisionReason, Observation, Outcome, ScalerSpec } from "./model.ts";
import { newMemory, type ScalerMemory } from "./scaler-memory.ts";
import { windowMs } from "./window.ts";

/** The rate is learned from less than full replicas, whose overhead weighs more: one that says it is less busy than this has room. */
const HAS_ROOM = 0.7;
/** At least so long between a scale-down and the change before it, ms. */
const DOWN_SPACING_MS = 120_000;
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
  const { maxStep } = spec.behavior;
  const to = wanted <= replicas + maxStep ? wanted : stepTo(up.loads, replicas, maxStep);
  return move(replicas, to, why, `lag ${lagSeconds.toFixed(1)} s, ${used} of the service rate in use`);
}

/**
 * Where a step of at most `most` ends, on a way that is longer: at the least number whose fullest member has least to do, or, when
 * none of them has less to do than now, as far as it goes.
 */
function stepTo(loads: readonly number[], replicas: number, most: number): number {
  const reach = replicas + most;
  let best = reach;
  let least = fullest(loads, replicas);
  for (let n = replicas + 1; n <= reach; n++) {
    const load = fullest(loads, n);
    if (load < least) [best, least] = [n, load];
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
  const to = stepDownTo(look, enough, spec.behavior.maxStep);
  if (to === replicas) return stay("steady", `${replicas} replicas are right: with fewer somebody would be too full`);
  return move(replicas, to, "idle", `${enough} replicas were enough for ${Math.round(window / 1000)} s`);
}

/** The least number within a step that carries everything, or the next one below it that does; else no step at all. */
function stepDownTo({ replicas, down }: Look, enough: number, most: number): number {
  const carries = (n: number) => isEnough(down.loads, down.room, Math.max(1, n));
  const end = Math.max(enough, replicas - most);
  for (let n = end; n < replicas; n++) if (carries(n)) return n;
  for (let n = end - 1; n >= enough; n--) if (carries(n)) return n;
  return replicas;
}

function move(from: number, to: number, reason: DecisionReason, message: string): Decision {
  const direction = to > from ? "up" : to < from ? "down" : "none";
  return { direction, replicas: to, reason, message: `${from} to ${to} replicas: ${message}` };
}
