// Which flows the rendered NetworkPolicies allow, and which not.
import { describe, expect, test } from "vitest";
import {
  at,
  hasHelm,
  type KubeObject,
  listAt,
  NAMESPACE,
  only,
  PATIENTLY,
  parseObjects,
  podOf,
  render,
} from "./helm.ts";
import { type Endpoint, enters, isAllowed, type Labels, leaves } from "./network.ts";

const ours = (component: string): Endpoint => ({
  namespace: NAMESPACE,
  labels: {
    "app.kubernetes.io/name": "alertcast",
    "app.kubernetes.io/instance": "alertcast",
    "app.kubernetes.io/component": component,
  },
});
const strimzi = (name: string): Endpoint => ({
  namespace: NAMESPACE,
  // Strimzi hands part-of on, and sets the others itself.
  labels: {
    "strimzi.io/cluster": "alertcast-kafka",
    "strimzi.io/kind": "Kafka",
    "strimzi.io/name": `alertcast-kafka-${name}`,
    "app.kubernetes.io/name": name,
    "app.kubernetes.io/instance": "alertcast-kafka",
    "app.kubernetes.io/part-of": "alertcast",
  },
});
const pod = (namespace: string, labels: Labels = {}): Endpoint => ({ namespace, labels });

const OURS = ["ingestor", "processor", "api", "operator", "setup", "postgresql", "redis", "test", "crd-upgrade"];

const PLACES: Readonly<Record<string, Endpoint>> = {
  ...Object.fromEntries(OURS.map((c) => [c, ours(c)])),
  broker: strimzi("kafka"),
  "entity-operator": strimzi("entity-operator"),
  prometheus: pod("monitoring"),
  stranger: pod(NAMESPACE, { app: "stranger" }),
  "ingress controller": pod("ingress"),
  "other namespace": pod("other"),
  dns: pod("kube-system", { "k8s-app": "kube-dns" }),
  collector: pod("observability"),
  "other release": {
    namespace: NAMESPACE,
    labels: {
      "app.kubernetes.io/name": "alertcast",
      "app.kubernetes.io/instance": "b",
      "app.kubernetes.io/component": "api",
    },
  },
  "API server": { ip: "10.96.0.1" },
  internet: { ip: "203.0.113.7" },
  "managed service": { ip: "10.20.30.40" },
};

const endpoint = (name: string): Endpoint => {
  const found = PLACES[name];
  if (found === undefined) throw new Error(`no place ${name}`);
  return found;
};

type Row = readonly [from: string, to: string, port: number, allowed: boolean];

const BUNDLED: readonly Row[] = [
  // People, devices and the cluster's own.
  ["other namespace", "api", 8080, true],
  ["stranger", "ingestor", 8080, true],
  ["internet", "ingestor", 8080, true],
  ["test", "api", 8080, true],
  ["test", "ingestor", 8080, true],
  ["test", "postgresql", 5432, false],
  ["other namespace", "processor", 8080, false],
  ...["ingestor", "processor", "api", "operator"].flatMap((c): Row[] => [
    ["prometheus", c, 9464, true],
    ["stranger", c, 9464, false],
    ["other namespace", c, 9464, false],
    [c, "broker", 9093, c !== "api"],
    [c, "broker", 9092, false],
    [c, "entity-operator", 9093, false],
    [c, "internet", 443, c === "operator"],
    [c, "API server", 443, c === "operator"],
    [c, "API server", 6443, c === "operator"],
    [c, "internet", 80, false],
    [c, "collector", 4318, false],
  ]),
  // Stores.
  ["processor", "postgresql", 5432, true],
  ["api", "postgresql", 5432, true],
  ["setup", "postgresql", 5432, true],
  ["ingestor", "postgresql", 5432, false],
  ["operator", "postgresql", 5432, false],
  ["redis", "postgresql", 5432, false],
  ["stranger", "postgresql", 5432, false],
  ["other namespace", "postgresql", 5432, false],
  ["other release", "postgresql", 5432, false],
  ["api", "redis", 6379, true],
  ["processor", "redis", 6379, false],
  ["stranger", "redis", 6379, false],
  ["postgresql", "internet", 443, false],
  ["redis", "internet", 443, false],
  ["postgresql", "redis", 6379, false],
  // The set-up Job makes Secrets; Kafka is none of its business here.
  ["setup", "API server", 443, true],
  ["setup", "broker", 9093, false],
  ["setup", "redis", 6379, false],
  ["api", "ingestor", 9464, false],
  // Who is not ours keeps its own policies.
  ["stranger", "internet", 443, true],
  ["broker", "entity-operator", 9091, true],
  ["other release", "internet", 443, true],
];

const EXTERNAL: readonly Row[] = [
  ["processor", "managed service", 9096, true],
  ["processor", "managed service", 9097, true],
  ["processor", "managed service", 9092, false],
  ["processor", "managed service", 6432, true],
  ["ingestor", "managed service", 6432, false],
  ["api", "managed service", 6380, true],
  ["api", "managed service", 9096, false],
  ["processor", "managed service", 6380, false],
  ["setup", "managed service", 6432, true],
  ["setup", "managed service", 9096, true],
  ["setup", "API server", 443, false],
];

const FULL: readonly Row[] = [
  ["ingress controller", "api", 8080, true],
  ["other namespace", "api", 8080, false],
  ["test", "api", 8080, true],
  ["other namespace", "ingestor", 8080, true],
  ["api", "collector", 4318, true],
  ["processor", "collector", 4317, false],
  ["setup", "collector", 4318, false],
  ["crd-upgrade", "API server", 443, true],
  ["crd-upgrade", "broker", 9093, false],
];

/** The NetworkPolicies, and what Strimzi makes of the listener's peers. */
function policiesOf(objects: readonly KubeObject[]): KubeObject[] {
  const kafka = objects.find(({ kind }) => kind === "Kafka");
  const from = listAt(kafka, "spec", "kafka", "listeners", 0, "networkPolicyPeers");
  const strimzis = parseObjects(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: strimzi, namespace: ${NAMESPACE}}
spec:
  podSelector: {matchLabels: {strimzi.io/name: alertcast-kafka-kafka}}
  policyTypes: [Ingress]
  ingress: [{from: ${JSON.stringify(from)}, ports: [{port: 9093}]}]
`);
  return [...objects.filter(({ kind }) => kind === "NetworkPolicy"), ...(kafka === undefined ? [] : strimzis)];
}

describe.skipIf(!hasHelm())("NetworkPolicies", PATIENTLY, () => {
  test.each([
    ["the defaults", "ci/default-values.yaml", BUNDLED],
    ["external services", "ci/external-values.yaml", EXTERNAL],
    ["everything on", "ci/full-values.yaml", FULL],
  ] as const)("with %s allow what the table says and nothing else of it", async (_, values, table) => {
    const policies = policiesOf(await render({ values: [values] }));
    const found = table.map(([from, to, port]) => [
      from,
      to,
      port,
      isAllowed(policies, { from: endpoint(from), to: endpoint(to), port }),
    ]);
    expect(found).toEqual(table);
  });

  test("between pods of ours refuse on both sides what the table refuses", async () => {
    const policies = policiesOf(await render());
    const refused = BUNDLED.filter(([from, to, , allowed]) => !allowed && OURS.includes(from) && OURS.includes(to));
    expect(refused.length).toBeGreaterThan(5);
    for (const [from, to, port] of refused) {
      const flow = { from: endpoint(from), to: endpoint(to), port };
      expect([leaves(policies, flow), enters(policies, flow)], `${from} to ${to}:${port}`).toEqual([false, false]);
    }
  });

  test("let every pod of ours but the stores ask for names, by UDP and TCP", async () => {
    const policies = policiesOf(await render());
    for (const name of ["ingestor", "processor", "api", "operator", "setup", "test"]) {
      for (const protocol of ["UDP", "TCP"] as const) {
        expect(isAllowed(policies, { from: endpoint(name), to: endpoint("dns"), port: 53, protocol }), name).toBe(true);
        const cache = { from: endpoint(name), to: { ip: "169.254.20.10" }, port: 53, protocol };
        expect(isAllowed(policies, cache), name).toBe(true);
        const outside = { from: endpoint(name), to: endpoint("internet"), port: 53, protocol };
        expect(isAllowed(policies, outside), name).toBe(false);
      }
    }
  });

  test("let only those of AlertCast that use Kafka reach the broker", async () => {
    const policies = policiesOf(await render());
    for (const name of ["stranger", "other namespace", "other release", "setup", "api", "postgresql"]) {
      expect(isAllowed(policies, { from: endpoint(name), to: endpoint("broker"), port: 9093 }), name).toBe(false);
    }
  });

  test("select the pods that are rendered: their labels are those of the table", async () => {
    const objects = await render({ values: ["ci/full-values.yaml"] });
    for (const object of objects) {
      const template = podOf(object);
      if (template === undefined) continue;
      const component = String(at(template, "metadata", "labels", "app.kubernetes.io/component"));
      const place = endpoint(component);
      expect("labels" in place && at(template, "metadata", "labels"), object.metadata.name).toMatchObject(
        "labels" in place ? place.labels : {},
      );
      only(objects, "NetworkPolicy", `alertcast-${component}`);
    }
  });

  test("are absent when switched off, and so are Strimzi's peers", async () => {
    const objects = await render({ set: ["networkPolicy.enabled=false"] });
    expect(objects.filter(({ kind }) => kind === "NetworkPolicy")).toEqual([]);
    expect(
      at(only(objects, "Kafka", "alertcast-kafka"), "spec", "kafka", "listeners", 0, "networkPolicyPeers"),
    ).toBeUndefined();
  });
});
