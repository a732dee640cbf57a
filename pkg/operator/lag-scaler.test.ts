import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { storedScaler } from "../../test/scaler-cluster.ts";
import { parseLagScaler } from "./lag-scaler.ts";
import { newMemory } from "./scaler-memory.ts";
import { NEEDED_FIELDS, schemaFields } from "./schema-fields.ts";
import { mergeConditions, reasonOf, turned } from "./status.ts";
import { decodeRemembered, encodeRemembered } from "./stored-memory.ts";

const CRD = new URL("../../charts/alertcast/crds/scaling.alertcast.dev_lagscalers.yaml", import.meta.url);

/** As the API server serves it: with the group in the schema's name. */
function served(
  change: (properties: Record<string, { properties: Record<string, unknown> }>) => void = () => undefined,
) {
  const crd = parse(readFileSync(CRD, "utf8"));
  const schema = crd.spec.versions[0].schema.openAPIV3Schema;
  change(schema.properties);
  return { components: { schemas: { "dev.alertcast.scaling.v1alpha1.LagScaler": schema } } };
}

test("the chart's definition has every field that the operator needs, and no status field is forgotten in that list", () => {
  const fields = schemaFields(served(), "LagScaler");
  expect(NEEDED_FIELDS.filter((field) => !fields.has(field))).toEqual([]);
  const leaves = [...fields].filter(
    (field) => /^(spec|status)\./.test(field) && ![...fields].some((other) => other.startsWith(`${field}.`)),
  );
  expect(leaves.filter((field) => !(NEEDED_FIELDS as readonly string[]).includes(field))).toEqual([]);
});

test("a definition without a field is noticed by that field's name", () => {
  const fields = schemaFields(
    served(({ status }) => delete status?.properties.memory),
    "LagScaler",
  );
  expect(NEEDED_FIELDS.filter((field) => !fields.has(field))).toEqual(["status.memory"]);
  expect(schemaFields({ components: {} }, "LagScaler").size).toBe(0);
});

test("the definition's own defaults are those of the reader: the least object means the same to both", () => {
  const { spec } = parseLagScaler(storedScaler("a"));
  const schema = parse(readFileSync(CRD, "utf8")).spec.versions[0].schema.openAPIV3Schema.properties.spec.properties;
  const defaultOf = (...path: string[]) => {
    const at = path.slice(0, -1).reduce((node, name) => node[name].properties, schema);
    return at[path.at(-1) ?? ""].default;
  };
  expect(spec).toMatchObject({
    minReplicas: defaultOf("minReplicas"),
    maxReplicas: defaultOf("maxReplicas"),
    commitIntervalSeconds: defaultOf("kafka", "commitIntervalSeconds"),
    objective: {
      maxLagSeconds: defaultOf("objective", "maxLagSeconds"),
      drainSeconds: defaultOf("objective", "drainSeconds"),
    },
    capacity: { mode: defaultOf("capacity", "mode"), initialPerReplica: undefined },
    behavior: {
      targetUtilization: Number(defaultOf("behavior", "targetUtilization")),
      scaleDownWindowSeconds: defaultOf("behavior", "scaleDownWindowSeconds"),
      maxStep: defaultOf("behavior", "maxStep"),
    },
    onSourceFailure: {
      policy: defaultOf("onSourceFailure", "policy"),
      afterSeconds: defaultOf("onSourceFailure", "afterSeconds"),
    },
  });
});

test("the definition has its rules, columns and default status, and no scale subresource", () => {
  const { spec } = parse(readFileSync(CRD, "utf8"));
  const [version] = spec.versions;
  const { properties } = version.schema.openAPIV3Schema;
  const rules = (node: { "x-kubernetes-validations"?: { rule: string; message: string }[] }) =>
    node["x-kubernetes-validations"]?.map(({ rule }) => rule);
  expect(rules(properties.spec)).toEqual(["self.minReplicas <= self.maxReplicas"]);
  expect(rules(properties.spec.properties.targetRef)).toEqual(["self.name == oldSelf.name"]);
  expect(rules(properties.spec.properties.kafka)).toEqual(["self.groupId == oldSelf.groupId"]);
  expect(rules(properties.spec.properties.objective)).toEqual(["self.drainSeconds >= self.maxLagSeconds"]);
  expect(rules(properties.spec.properties.onSourceFailure)).toEqual(["self.policy != 'AtLeast' || has(self.replicas)"]);
  expect(version.additionalPrinterColumns.map(({ name }: { name: string }) => name)).toEqual([
    ...["Target", "Mode", "Current", "Desired", "LagSec", "Ready", "Age"],
  ]);
  expect(version.subresources).toEqual({ status: {} });
  expect(properties.status.default).toEqual({ observedGeneration: -1 });
});

test.each([
  ["spec.mode", { mode: "Off" }],
  ["spec.kafka", { kafka: undefined }],
  ["spec.kafka.topics", { kafka: { brokers: ["k:1"], groupId: "g", topics: [] } }],
  ["spec.targetRef.name", { targetRef: {} }],
  ["spec.behavior.targetUtilization", { behavior: { targetUtilization: "much" } }],
  ["spec.minReplicas", { minReplicas: "2" }],
])("%s in another form is refused by its name", (name, spec) => {
  expect(() => parseLagScaler(storedScaler("a", spec))).toThrow(name);
});

test("a status that cannot be read is as good as none", () => {
  const scaler = { ...storedScaler("a"), status: { conditions: "?", memory: 3, lastScaleTime: {} } };
  expect(parseLagScaler(scaler).status).toEqual({ conditions: [], memory: undefined, numbers: {} });
});

test("what is remembered comes back as it was; damaged text is nothing", () => {
  const target = { uid: "u", replicas: 3, intended: 4 };
  const remembered = { scaler: newMemory(1_000), target, topics: "a,b" };
  const text = encodeRemembered(remembered);
  expect(decodeRemembered(text)).toEqual(remembered);
  const nothing = { scaler: undefined, target: undefined, topics: "" };
  for (const damaged of [undefined, "", "{", "[]", "null", text?.slice(1)])
    expect(decodeRemembered(damaged)).toEqual(nothing);
  expect(decodeRemembered('{"topics":"a","target":{"uid":1},"scaler":{"version":9}}')).toEqual({
    ...nothing,
    topics: "a",
  });
});

test("a memory of thousands of partitions still fits, without its ring of log ends", () => {
  const partitions = Array.from({ length: 2_000 }, (_, i) => ({
    ...{ key: `device_events-${i}`, committed: 1e9 + i, end: 1e9 + 2 * i, fast: 12.34, slow: 56.78, done: 3.456 },
  }));
  const points = Array.from({ length: 60 }, (_, i) => ({
    atMs: 1e12 + i,
    ends: partitions.map(({ end }) => end - 60 + i),
  }));
  const scaler = { ...newMemory(1e12), partitions, points };
  const text = encodeRemembered({ scaler, target: undefined, topics: "device_events" });
  expect(text?.length).toBeLessThanOrEqual(262_144);
  expect(decodeRemembered(text)).toMatchObject({ scaler: { points: [], partitions } });
});

test("conditions keep their order, and those that are not spoken of", () => {
  const ready = { status: "True", reason: "Active", message: "" } as const;
  const first = mergeConditions([], { Ready: ready, Conflicted: { ...ready, status: "False" } }, 1, 0);
  const second = mergeConditions(first, { Ready: { ...ready, status: "False", reason: "TargetNotFound" } }, 2, 5_000);
  expect(second.map(({ type, status, lastTransitionTime }) => [type, status, lastTransitionTime])).toEqual([
    ["Ready", "False", "1970-01-01T00:00:05Z"],
    ["Conflicted", "False", "1970-01-01T00:00:00Z"],
  ]);
  expect([turned(first, second, "Ready"), turned(first, second, "Conflicted")]).toEqual([true, false]);
});

test("reasons of decisions are written in a status as Kubernetes writes reasons", () => {
  const decision = { direction: "none", replicas: 1, reason: "max-replicas", message: "" } as const;
  expect(reasonOf(decision)).toBe("MaxReplicas");
  expect(reasonOf({ ...decision, reason: "steady" })).toBe("Steady");
});
