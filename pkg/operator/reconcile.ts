// One look at one LagScaler: see, decide, act, say so. Holds no loop and no timer; what it returns is all it remembers.
import { AlertCastError, hasCode, messageOf } from "../errors.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ScalerCluster, ScalerEvent, StatusPatch, Target } from "./cluster.ts";
import { type Conflict, judgeTarget, type Rivals, type TargetMemory } from "./conflict.ts";
import { decide } from "./decide.ts";
import type { EventRecorder } from "./events.ts";
import type { LagScaler } from "./lag-scaler.ts";
import type { ScalerMetrics } from "./metrics.ts";
import type { BlindObservation, Observation, Outcome } from "./model.ts";
import type { ScalerMemory } from "./scaler-memory.ts";
import type { LagSource } from "./source.ts";
import {
  type Condition,
  type ConditionNow,
  type ConditionType,
  conditionsOf,
  is,
  mergeConditions,
  numbersOf,
  reasonOf,
  rfc3339,
  type ScalerStatus,
  turned,
} from "./status.ts";
import { decodeRemembered, encodeRemembered } from "./stored-memory.ts";

export interface ReconcileDeps {
  /** Its writes are fenced by the Lease. */
  readonly cluster: ScalerCluster;
  readonly source: LagSource;
  readonly events: EventRecorder;
  readonly metrics: ScalerMetrics;
  readonly logger: Logger;
  /** ms since 1970. */
  readonly now: () => number;
}

/** What one look leaves to the next. */
export interface ScalerState {
  readonly conditions: readonly Condition[];
  readonly memory: ScalerMemory | undefined;
  /** What `memory` is about. */
  readonly topics: string;
  readonly target: TargetMemory | undefined;
  readonly lastScaleTime: string | undefined;
  /** The API server refused the last write of replicas, and why. */
  readonly refused?: string | undefined;
}

/** As the status has it: what a predecessor, or this process before it was restarted, has left. */
export function restoreState(scaler: LagScaler): ScalerState {
  const { scaler: memory, target, topics } = decodeRemembered(scaler.status.memory);
  return {
    conditions: scaler.status.conditions,
    memory,
    topics,
    target,
    lastScaleTime: scaler.status.numbers.lastScaleTime,
  };
}

/**
 * Looks once, scales where that is right, and writes the status.
 * @param rival the name of an older LagScaler with the same target
 * @throws AlertCastError as ScalerCluster says; `fenced` when the Lease is not held: nothing was written then
 */
export async function reconcile(
  scaler: LagScaler,
  state: ScalerState,
  rival: string | undefined,
  deps: ReconcileDeps,
): Promise<ScalerState> {
  if (state.topics !== topicsOf(scaler)) {
    // Offsets of other topics would be read as jumps of these.
    return reconcile(scaler, { ...state, memory: undefined, topics: topicsOf(scaler) }, rival, deps);
  }
  if (scaler.mode === "Paused") return pause(scaler, state, deps);
  // The source first: how far the group is must not be younger than the number of replicas that did it.
  const source = await look(scaler, deps);
  const [target, autoscalers] = await Promise.all([
    deps.cluster.target(scaler.target),
    deps.cluster.autoscalersOf(scaler.target),
  ]);
  if (target === undefined) return targetMissing(scaler, state, source, deps);
  const nowMs = deps.now();
  const seen = "blind" in source ? { ...source, replicas: target.replicas } : { ...source, ...countsOf(target) };
  const outcome = decide(scaler.spec, seen, state.memory, nowMs);
  const rivals = { autoscalers, lagScaler: rival };
  const judgement = judge(scaler, state, target, rivals, nowMs);
  deps.metrics.decided(scaler.name, outcome.decision, outcome.view, nowMs);
  const writes = scaler.mode === "Active" && judgement.conflict === undefined;
  const refused = writes && outcome.decision.replicas !== target.replicas ? state.refused : undefined;
  const at: Look = { scaler, target, seen, outcome, conflict: judgement.conflict, refused, nowMs };
  const conditions = mergeConditions(state.conditions, conditionsNow(at), scaler.generation, nowMs);
  const before = { ...state, conditions, target: judgement.memory, refused };
  await tellTransitions(at, state.conditions, conditions, deps);
  const { state: acted, replicas } = await act(at, before, deps);
  await deps.cluster.patchStatus(scaler, statusOfLook(at, acted, replicas));
  return acted;
}

interface Look {
  readonly scaler: LagScaler;
  readonly target: Target;
  readonly seen: Observation | BlindObservation;
  readonly outcome: Outcome<ScalerMemory>;
  readonly conflict: Conflict | undefined;
  /** Why the same write was refused at the last look. */
  readonly refused: string | undefined;
  readonly nowMs: number;
}

type Source = Pick<Observation, "partitions" | "group"> | { readonly blind: string };

async function look(scaler: LagScaler, { source, metrics, logger }: ReconcileDeps): Promise<Source> {
  try {
    return await source.observe(scaler.kafka);
  } catch (error) {
    if (!hasCode(error, "unavailable")) throw error;
    metrics.sourceFailed();
    logger.debug({ scaler: scaler.name, err: error }, "the source cannot be seen");
    return { blind: messageOf(error) };
  }
}

function countsOf({ replicas, readyReplicas }: Target) {
  return { replicas, readyReplicas };
}

/** While it does not act, whatever others do to the target is no conflict; that they are there is still worth saying. */
function judge(scaler: LagScaler, state: ScalerState, target: Target, rivals: Rivals, nowMs: number) {
  const memory = scaler.mode === "Active" ? state.target : undefined;
  return judgeTarget(memory, target, rivals, { generation: scaler.generation, nowMs });
}

function conditionsNow({
  scaler,
  seen,
  outcome,
  conflict,
  refused,
}: Look): Partial<Record<ConditionType, ConditionNow>> {
  const ready = scaler.mode === "Active" ? "the spec is accepted and the target found" : "decides, and writes nothing";
  return {
    Ready: is(true, scaler.mode === "Active" ? "Active" : scaler.mode, ready),
    ...(outcome.view === undefined
      ? { SourceReachable: is(false, "SourceUnreachable", "blind" in seen ? seen.blind : "nothing was seen") }
      : conditionsOf(outcome.view, scaler.spec.maxReplicas)),
    ...(refused !== undefined && { ScalingLimited: writeRefused(refused) }),
    Conflicted: conflict
      ? is(true, conflict.reason, conflict.message)
      : is(false, "SoleWriter", "nobody else sets the replicas"),
  };
}

function writeRefused(why: string): ConditionNow {
  return is(true, "WriteRefused", `the API server refuses to have the replicas written: ${why}`);
}

/** Scales when that is decided and allowed. */
async function act(
  at: Look,
  before: ScalerState,
  deps: ReconcileDeps,
): Promise<{ readonly state: ScalerState; readonly replicas: number }> {
  const { scaler, target, outcome, conflict, nowMs } = at;
  const { decision, memory } = outcome;
  const { replicas } = target;
  const stayed = { state: { ...before, memory }, replicas };
  if (decision.replicas === replicas || scaler.mode !== "Active" || conflict !== undefined) return stayed;
  const base = before.target ?? { uid: target.uid, replicas };
  // What is intended is stored first: a successor must not take the number for somebody else's if we do not live to tell.
  const intent = { ...before, memory, target: { ...base, intended: decision.replicas } };
  await deps.cluster.patchStatus(scaler, statusOfLook(at, intent, replicas));
  try {
    await deps.cluster.scale(scaler.target, { from: replicas, to: decision.replicas });
  } catch (error) {
    if (!(error instanceof AlertCastError) || error.code === "fenced") throw error;
    // It may have been written all the same.
    deps.logger.warn({ scaler: scaler.name, err: error }, "replicas not written");
    if (error.code !== "invalid") return { state: intent, replicas };
    const limited = { ScalingLimited: writeRefused(error.message) };
    await deps.events.tell(event(scaler, "Warning", "ScaleRefused", "Scale", limited.ScalingLimited.message));
    const conditions = mergeConditions(intent.conditions, limited, scaler.generation, nowMs);
    return { state: { ...intent, conditions, refused: error.message }, replicas };
  }
  const change = { from: target.replicas, to: decision.replicas, reason: decision.reason };
  deps.logger.info({ scaler: scaler.name, ...change }, "scaled");
  const reason = decision.direction === "up" ? "ScaledUp" : "ScaledDown";
  await deps.events.tell(event(scaler, "Normal", reason, "Scale", decision.message));
  const known = { ...base, replicas: decision.replicas };
  const scaled = { ...before, memory, target: known, lastScaleTime: rfc3339(nowMs), refused: undefined };
  return { state: scaled, replicas: decision.replicas };
}

async function tellTransitions(
  { scaler, seen, outcome, conflict }: Look,
  before: readonly Condition[],
  after: readonly Condition[],
  { events, logger }: ReconcileDeps,
): Promise<void> {
  if (turned(before, after, "SourceReachable")) {
    const { name } = scaler;
    if (!("blind" in seen)) logger.info({ scaler: name }, "the source is seen");
    else {
      logger.warn({ scaler: name, why: seen.blind }, "the source cannot be seen");
      await events.tell(event(scaler, "Warning", "SourceUnreachable", "Observe", seen.blind));
    }
  }
  if (conflict !== undefined && turned(before, after, "Conflicted")) {
    logger.warn({ scaler: scaler.name, why: conflict.message }, "conflict: replicas are not written");
    await events.tell(event(scaler, "Warning", "Conflict", "Scale", conflict.message));
  }
  if (outcome.view?.partitionBound === true && turned(before, after, "PartitionBound")) {
    const note = "one partition alone brings more than a replica can do; more replicas do not help it";
    await events.tell(event(scaler, "Warning", "PartitionBound", "Scale", note));
  }
  // Said at each look while it lasts; the recorder makes one event with a count of it.
  if (outcome.decision.reason === "ineffective") {
    await events.tell(event(scaler, "Warning", "HeldIneffective", "Scale", outcome.decision.message));
  }
}

function event(
  scaler: LagScaler,
  type: ScalerEvent["type"],
  reason: string,
  action: string,
  note: string,
): ScalerEvent {
  return { scaler, type, reason, action, note: note.slice(0, 1000), related: scaler.target };
}

/** What cannot be seen has no number: an old one would be taken for a new one. */
const UNSEEN = {
  recommendedReplicas: null,
  members: null,
  lag: null,
  lagSeconds: null,
  arrivalRate: null,
  utilization: null,
} as const;

function statusOfLook({ scaler, outcome }: Look, state: ScalerState, replicas: number): StatusPatch {
  const { decision, view } = outcome;
  return {
    ...UNSEEN,
    ...(view !== undefined && numbersOf(view)),
    currentReplicas: replicas,
    desiredReplicas: decision.replicas,
    decision: { reason: reasonOf(decision), message: decision.message.slice(0, 1024) },
    ...keptStatus(scaler, state),
  };
}

function keptStatus(scaler: LagScaler, state: ScalerState): StatusPatch {
  const memory = encodeRemembered({ scaler: state.memory, target: state.target, topics: state.topics });
  return {
    observedGeneration: scaler.generation,
    conditions: state.conditions,
    memory: memory ?? null,
    ...(state.lastScaleTime !== undefined && { lastScaleTime: state.lastScaleTime }),
  };
}

/** Paused: nothing is asked of Kafka and nothing decided; the target is still looked for. */
async function pause(scaler: LagScaler, state: ScalerState, deps: ReconcileDeps): Promise<ScalerState> {
  // Not looking on purpose is no fault: nothing may remain of it that an alert takes for one.
  deps.metrics.forget(scaler.name);
  const target = await deps.cluster.target(scaler.target);
  const unknown = is("Unknown", "Paused", "not looked at while paused");
  const now = {
    Ready: target === undefined ? missing(scaler) : is(true, "Paused", "the spec is accepted and the target found"),
    SourceReachable: unknown,
    Conflicted: is(false, "Paused", "nothing is written while paused"),
  };
  const conditions = mergeConditions(state.conditions, now, scaler.generation, deps.now());
  // Whoever set the replicas meanwhile was free to: they are the base when it goes on.
  const next = { ...state, conditions, target: undefined };
  const status: ScalerStatus = target === undefined ? {} : { currentReplicas: target.replicas };
  await deps.cluster.patchStatus(scaler, {
    ...UNSEEN,
    ...status,
    desiredReplicas: null,
    decision: { reason: "Paused", message: "mode is Paused" },
    ...keptStatus(scaler, next),
  });
  return next;
}

async function targetMissing(
  scaler: LagScaler,
  state: ScalerState,
  source: Source,
  deps: ReconcileDeps,
): Promise<ScalerState> {
  deps.metrics.undecided(scaler.name);
  const reachable =
    "blind" in source
      ? is(false, "SourceUnreachable", source.blind)
      : is(true, "Observed", "offsets and the group were read completely");
  const now = { Ready: missing(scaler), SourceReachable: reachable };
  const conditions = mergeConditions(state.conditions, now, scaler.generation, deps.now());
  if (turned(state.conditions, conditions, "Ready")) {
    deps.logger.warn({ scaler: scaler.name, target: scaler.target }, "the target is not there");
  }
  const next = { ...state, conditions };
  await deps.cluster.patchStatus(scaler, {
    ...UNSEEN,
    currentReplicas: null,
    desiredReplicas: null,
    decision: { reason: "TargetNotFound", message: `there is no Deployment ${scaler.target}` },
    ...keptStatus(scaler, next),
  });
  return next;
}

function missing(scaler: LagScaler): ConditionNow {
  return is(false, "TargetNotFound", `there is no Deployment ${scaler.target} in this namespace`);
}

function topicsOf({ kafka }: LagScaler): string {
  return kafka.topics.join(",");
}
