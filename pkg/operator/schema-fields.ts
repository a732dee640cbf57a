// Which fields a served OpenAPI document declares for a kind, and which of ours it lacks. Pure.

/** What the controller reads and writes that an older schema may not have: it would be dropped without a word. */
export const NEEDED_FIELDS = [
  "spec.targetRef.name",
  "spec.kafka.brokers",
  "spec.kafka.groupId",
  "spec.kafka.topics",
  "spec.kafka.commitIntervalSeconds",
  "spec.minReplicas",
  "spec.maxReplicas",
  "spec.objective.maxLagSeconds",
  "spec.objective.drainSeconds",
  "spec.capacity.mode",
  "spec.capacity.initialPerReplica",
  "spec.behavior.targetUtilization",
  "spec.behavior.scaleDownWindowSeconds",
  "spec.behavior.maxStep",
  "spec.mode",
  "spec.onSourceFailure.policy",
  "spec.onSourceFailure.afterSeconds",
  "spec.onSourceFailure.replicas",
  "status.observedGeneration",
  "status.currentReplicas",
  "status.desiredReplicas",
  "status.recommendedReplicas",
  "status.members",
  "status.partitions",
  "status.lag",
  "status.lagSeconds",
  "status.arrivalRate",
  "status.perReplicaRate",
  "status.utilization",
  "status.lastScaleTime",
  "status.decision.reason",
  "status.decision.message",
  "status.conditions",
  "status.memory",
] as const;

/** Paths such as `status.memory` of every property of the document's schema for `kind`; none if there is none. */
export function schemaFields(document: unknown, kind: string): ReadonlySet<string> {
  const schemas = child(child(document, "components"), "schemas");
  const found = Object.entries(isObject(schemas) ? schemas : {}).find(([name]) => name.split(".").at(-1) === kind);
  const paths = new Set<string>();
  if (found !== undefined) collect(found[1], "", paths);
  return paths;
}

function collect(schema: unknown, prefix: string, paths: Set<string>): void {
  const properties = child(schema, "properties");
  if (!isObject(properties)) return;
  for (const [name, each] of Object.entries(properties)) {
    paths.add(prefix + name);
    collect(each, `${prefix}${name}.`, paths);
  }
}

function child(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
