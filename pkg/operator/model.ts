// What the scaler's decision takes and gives: plain data, no clock and no I/O. The controller fills it from Kafka and
// Kubernetes, the simulator from a model of both.

/** The part of a LagScaler's spec that decides; durations in seconds, rates in records per second. */
export interface ScalerSpec {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** How often the group commits its offsets, s. */
  readonly commitIntervalSeconds: number;
  readonly objective: { readonly maxLagSeconds: number; readonly drainSeconds: number };
  readonly capacity: { readonly mode: "Auto" | "Busy" | "KafkaOnly"; readonly initialPerReplica: number | undefined };
  readonly behavior: {
    /** Share of the service rate to plan for, 0 to 1. */
    readonly targetUtilization: number;
    readonly scaleDownWindowSeconds: number;
    readonly maxStep: number;
  };
  readonly onSourceFailure: {
    readonly policy: "Hold" | "AtLeast";
    readonly afterSeconds: number;
    readonly replicas: number | undefined;
  };
}

/** One partition at one moment. Offsets are absolute. */
export interface PartitionObservation {
  readonly topic: string;
  readonly partition: number;
  /** What the group has committed; undefined = nothing yet, so its processors begin at `start`. */
  readonly committed: number | undefined;
  readonly start: number;
  readonly end: number;
  /** Work since the commit before, as its owner wrote it into the commit's metadata: time spent (ms) and records done. */
  readonly busy: { readonly busyMs: number; readonly n: number } | undefined;
}

export type GroupState = "Stable" | "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Dead" | "Unknown";

export interface MemberObservation {
  readonly id: string;
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
}

/** One complete look at the source and the target. */
export interface Observation {
  readonly partitions: readonly PartitionObservation[];
  readonly group: { readonly state: GroupState; readonly members: readonly MemberObservation[] };
  /** spec.replicas of the target. */
  readonly replicas: number;
  /** Replicas of the target that are ready. */
  readonly readyReplicas: number;
}

/** Nothing, or only a part, could be seen of the source; a decision is never taken from part of a sum. */
export interface BlindObservation {
  readonly blind: string;
  readonly replicas: number;
}

/** Why, as a metric's label: a closed set. */
export const DECISION_REASONS = [
  "steady",
  "utilization",
  "lag",
  "exploring",
  "idle",
  "window",
  "bounds",
  "max-replicas",
  "partition-bound",
  "ineffective",
  "trial",
  "no-progress",
  "unsettled",
  "blind",
  "fallback",
] as const;
export type DecisionReason = (typeof DECISION_REASONS)[number];

export interface Decision {
  readonly direction: "up" | "down" | "none";
  /** What the target is to have. */
  readonly replicas: number;
  readonly reason: DecisionReason;
  /** For people. */
  readonly message: string;
}

/** What status and metrics show of one look. */
export interface ScalerView {
  /** Records not committed, of all partitions. */
  readonly lag: number;
  /** Age of the oldest record that waits to be worked on, s. */
  readonly lagSeconds: number;
  /** Records/s. */
  readonly arrivalRate: number;
  /** What one replica is taken to do, records/s; undefined = nothing is known. */
  readonly perReplicaRate: number | undefined;
  /** Arrival at the fullest member over the rate, 0 and up. */
  readonly utilization: number | undefined;
  readonly members: number;
  readonly partitions: number;
  /** What arrival and backlog ask for, before windows and steps. */
  readonly recommendedReplicas: number;
  /** The rate was learned or declared. */
  readonly capacityKnown: boolean;
  /** One partition alone brings more than a replica is to be used for: no number of replicas helps it. */
  readonly partitionBound: boolean;
  /** More than maxReplicas would be needed. */
  readonly limited: boolean;
  /** Partitions where records wait and none was committed for a minute: they ask for no replica. */
  readonly stuckPartitions: number;
  /** A scale-up brought nothing: no further one for a while. */
  readonly holding: boolean;
}

export interface Outcome<Memory> {
  readonly decision: Decision;
  readonly memory: Memory;
  /** undefined while blind. */
  readonly view: ScalerView | undefined;
}
