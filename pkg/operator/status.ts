// What a LagScaler's status says. Pure: turns what was seen and decided into fields and conditions; writes nothing.
import type { Decision, ScalerView } from "./model.ts";

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  /** RFC 3339, whole seconds. */
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

export type ConditionType =
  | "Ready"
  | "SourceReachable"
  | "CapacityKnown"
  | "ScalingLimited"
  | "PartitionBound"
  | "Conflicted";

/** A condition as it is now; since when is found out by comparing. */
export type ConditionNow = Pick<Condition, "status" | "reason" | "message">;

/** Whole numbers, as generic tools expect; utilization is a decimal text. */
export interface ScalerStatus {
  readonly observedGeneration?: number;
  readonly currentReplicas?: number;
  readonly desiredReplicas?: number;
  readonly recommendedReplicas?: number;
  readonly members?: number;
  readonly partitions?: number;
  readonly lag?: number;
  readonly lagSeconds?: number;
  readonly arrivalRate?: number;
  readonly perReplicaRate?: number;
  readonly utilization?: string;
  readonly lastScaleTime?: string;
  readonly decision?: { readonly reason: string; readonly message: string };
  readonly conditions?: readonly Condition[];
  readonly memory?: string;
}

const LONGEST_MESSAGE = 1024;

/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/**
 * The conditions as they are now, in the order of `before`. lastTransitionTime moves only when a condition's status changes;
 * conditions that `now` does not name stay as they were.
 */
export function mergeConditions(
  before: readonly Condition[],
  now: Partial<Readonly<Record<ConditionType, ConditionNow>>>,
  generation: number,
  nowMs: number,
): Condition[] {
  const merged = new Map(before.map((condition) => [condition.type, condition]));
  for (const [type, { status, reason, message }] of Object.entries(now)) {
    const known = merged.get(type);
    const same = known !== undefined && known.status === status;
    merged.set(type, {
      type,
      status,
      reason,
      message: message.slice(0, LONGEST_MESSAGE),
      lastTransitionTime: same ? known.lastTransitionTime : rfc3339(nowMs),
      observedGeneration: generation,
    });
  }
  return [...merged.values()];
}

/** True when the condition changed its status or its reason: what an event or a log line is worth. */
export function turned(before: readonly Condition[], after: readonly Condition[], type: ConditionType): boolean {
  const old = before.find((condition) => condition.type === type);
  const now = after.find((condition) => condition.type === type);
  return now !== undefined && (old?.status !== now.status || old.reason !== now.reason);
}

/** `max-replicas` is MaxReplicas in a status: reasons are CamelCase there. */
export function reasonOf(decision: Decision): string {
  return decision.reason.replace(/(^|-)([a-z])/g, (_all, _dash, letter: string) => letter.toUpperCase());
}

/** The numbers of one look. */
export function numbersOf(view: ScalerView): ScalerStatus {
  return {
    recommendedReplicas: view.recommendedReplicas,
    members: view.members,
    partitions: view.partitions,
    lag: view.lag,
    lagSeconds: Math.ceil(view.lagSeconds),
    arrivalRate: Math.round(view.arrivalRate),
    ...(view.perReplicaRate !== undefined && { perReplicaRate: Math.round(view.perReplicaRate) }),
    ...(view.utilization !== undefined && { utilization: view.utilization.toFixed(2) }),
  };
}

/** The conditions that a look settles. */
export function conditionsOf(view: ScalerView, maxReplicas: number) {
  const { capacityKnown, limited, partitionBound } = view;
  return {
    SourceReachable: is(true, "Observed", "offsets and the group were read completely"),
    CapacityKnown: capacityKnown
      ? is(true, "Known", "what one replica can do was learned or is declared")
      : is(false, "NotLearned", "no replica has been seen at work yet; capacity.initialPerReplica would say"),
    ScalingLimited: limited
      ? is(true, "MaxReplicas", `more than maxReplicas (${maxReplicas}) would be needed`)
      : is(false, "WithinBounds", "maxReplicas is enough"),
    PartitionBound: partitionBound
      ? is(true, "HotPartition", "one partition alone brings more than a replica can do; more replicas do not help it")
      : is(false, "Spread", "every partition is within what a replica can do"),
  } as const;
}

/** A condition that is or is not. */
export function is(status: boolean | "Unknown", reason: string, message: string): ConditionNow {
  return { status: status === "Unknown" ? status : status ? "True" : "False", reason, message };
}
