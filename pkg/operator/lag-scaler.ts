// What a LagScaler object says, as the controller needs it. Pure: reads plain data, knows no API.
import { AlertCastError } from "../errors.ts";
import type { ScalerSpec } from "./model.ts";
import type { Condition, ScalerStatus } from "./status.ts";

export interface KafkaSpec {
  readonly brokers: readonly string[];
  readonly groupId: string;
  readonly topics: readonly string[];
}

export const MODES = ["Active", "DryRun", "Paused"] as const;
export type Mode = (typeof MODES)[number];

/** What identifies an object for an event. */
export interface ScalerRef {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

export interface LagScaler extends ScalerRef {
  readonly generation: number;
  /** ms since 1970. */
  readonly createdMs: number;
  readonly target: string;
  readonly kafka: KafkaSpec;
  readonly mode: Mode;
  readonly spec: ScalerSpec;
  /** As it was when the object was read; the controller's own copy is newer once it has one. */
  readonly status: StoredStatus;
}

/** What the controller takes over from a status that it, or its predecessor, has written. */
export interface StoredStatus {
  readonly conditions: readonly Condition[];
  readonly memory: string | undefined;
  readonly numbers: Pick<ScalerStatus, "desiredReplicas" | "lastScaleTime">;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads an object as the API server gives it.
 * @throws AlertCastError `invalid` naming the field, for what the schema should have refused
 */
export function parseLagScaler(object: unknown): LagScaler {
  const { metadata, spec, status } = fields(object, "object");
  const meta = fields(metadata, "metadata");
  const all = fields(spec, "spec");
  const kafka = fields(all.kafka, "spec.kafka");
  return {
    name: text(meta.name, "metadata.name"),
    namespace: text(meta.namespace, "metadata.namespace"),
    uid: text(meta.uid, "metadata.uid"),
    generation: number(meta.generation, "metadata.generation"),
    createdMs: timeOf(meta.creationTimestamp),
    target: text(fields(all.targetRef, "spec.targetRef").name, "spec.targetRef.name"),
    kafka: {
      brokers: texts(kafka.brokers, "spec.kafka.brokers"),
      groupId: text(kafka.groupId, "spec.kafka.groupId"),
      topics: texts(kafka.topics, "spec.kafka.topics"),
    },
    mode: oneOf(all.mode, MODES, "Active", "spec.mode"),
    spec: scalerSpec(all, kafka),
    status: storedStatus(status),
  };
}

/** Defaults are the schema's; they are repeated for a schema that is older than a field. */
function scalerSpec(spec: Fields, kafka: Fields): ScalerSpec {
  const objective = fields(spec.objective ?? {}, "spec.objective");
  const capacity = fields(spec.capacity ?? {}, "spec.capacity");
  const behavior = fields(spec.behavior ?? {}, "spec.behavior");
  const failure = fields(spec.onSourceFailure ?? {}, "spec.onSourceFailure");
  const utilization = Number(text(behavior.targetUtilization ?? "0.8", "spec.behavior.targetUtilization"));
  return {
    minReplicas: number(spec.minReplicas ?? 1, "spec.minReplicas"),
    maxReplicas: number(spec.maxReplicas ?? 24, "spec.maxReplicas"),
    commitIntervalSeconds: number(kafka.commitIntervalSeconds ?? 1, "spec.kafka.commitIntervalSeconds"),
    objective: {
      maxLagSeconds: number(objective.maxLagSeconds ?? 30, "spec.objective.maxLagSeconds"),
      drainSeconds: number(objective.drainSeconds ?? 120, "spec.objective.drainSeconds"),
    },
    capacity: {
      mode: oneOf(capacity.mode, ["Auto", "Busy", "KafkaOnly"], "Auto", "spec.capacity.mode"),
      initialPerReplica: optionalNumber(capacity.initialPerReplica, "spec.capacity.initialPerReplica"),
    },
    behavior: {
      targetUtilization: number(utilization, "spec.behavior.targetUtilization"),
      scaleDownWindowSeconds: number(behavior.scaleDownWindowSeconds ?? 300, "spec.behavior.scaleDownWindowSeconds"),
      maxStep: number(behavior.maxStep ?? 8, "spec.behavior.maxStep"),
    },
    onSourceFailure: {
      policy: oneOf(failure.policy, ["Hold", "AtLeast"], "Hold", "spec.onSourceFailure.policy"),
      afterSeconds: number(failure.afterSeconds ?? 120, "spec.onSourceFailure.afterSeconds"),
      replicas: optionalNumber(failure.replicas, "spec.onSourceFailure.replicas"),
    },
  };
}

/** The same for what is the same source. */
export function sourceKey({ kafka }: Pick<LagScaler, "kafka">): string {
  return JSON.stringify([kafka.brokers, kafka.groupId, kafka.topics]);
}

/** A status that cannot be read is as good as none: it is our own, and will be written anew. */
function storedStatus(value: unknown): StoredStatus {
  const status = isFields(value) ? value : {};
  const conditions = Array.isArray(status.conditions) ? status.conditions.filter(isCondition) : [];
  const { desiredReplicas, lastScaleTime, memory } = status;
  return {
    conditions,
    memory: typeof memory === "string" ? memory : undefined,
    numbers: {
      ...(typeof desiredReplicas === "number" && { desiredReplicas }),
      ...(typeof lastScaleTime === "string" && { lastScaleTime }),
    },
  };
}

function isCondition(value: unknown): value is Condition {
  const names = ["type", "status", "reason", "message", "lastTransitionTime"];
  return isFields(value) && names.every((name) => typeof value[name] === "string");
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fields(value: unknown, name: string): Fields {
  if (isFields(value)) return value;
  throw refused(name, "an object");
}

function text(value: unknown, name: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw refused(name, "a text");
}

function texts(value: unknown, name: string): string[] {
  if (!Array.isArray(value) || value.length === 0) throw refused(name, "a list");
  return value.map((each) => text(each, name));
}

function number(value: unknown, name: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw refused(name, "a number");
}

function optionalNumber(value: unknown, name: string): number | undefined {
  return value === undefined ? undefined : number(value, name);
}

function oneOf<const T extends string>(value: unknown, values: readonly T[], fallback: T, name: string): T {
  if (value === undefined) return fallback;
  const found = values.find((each) => each === value);
  if (found === undefined) throw refused(name, `one of ${values.join(", ")}`);
  return found;
}

/** The client reads known kinds' times as Date and a custom resource's as text. */
function timeOf(value: unknown): number {
  const ms = value instanceof Date ? value.getTime() : Date.parse(String(value));
  return Number.isFinite(ms) ? ms : 0;
}

function refused(name: string, wanted: string): AlertCastError {
  return new AlertCastError("invalid", `${name} must be ${wanted}`);
}
