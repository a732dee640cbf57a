// Every custom resource that the chart renders fits its CustomResourceDefinition, and says what the design asks for.
import { describe, expect, test } from "vitest";
import { crdCheck, loadCrds } from "./crd.ts";
import { at, hasHelm, type KubeObject, listAt, only, PATIENTLY, parseObjects, render, VALUES_FILES } from "./helm.ts";

const CUSTOM = /^(kafka\.strimzi\.io|monitoring\.coreos\.com|scaling\.alertcast\.dev)\//;
const { check, complete } = loadCrds();

describe("the check of custom resources", () => {
  const [crd] = parseObjects(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  names: {kind: Thing}
  versions:
    - name: v1
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [size]
              properties:
                size: {type: integer, minimum: 1}
                port: {x-kubernetes-int-or-string: true}
                free: {type: object, x-kubernetes-preserve-unknown-fields: true}
                labels: {type: object, additionalProperties: {type: string}}
`);
  const problems = (spec: string) => {
    const [thing] = parseObjects(`{apiVersion: example.com/v1, kind: Thing, metadata: {name: a}, spec: ${spec}}`);
    if (crd === undefined || thing === undefined) throw new Error("no document");
    return crdCheck([crd])(thing);
  };

  test.each(["{size: 1}", "{size: 2, port: 80}", "{size: 2, port: http, free: {a: 1}, labels: {a: b}}"])(
    "accepts %s",
    (spec) => {
      expect(problems(spec)).toEqual([]);
    },
  );

  test.each(["{}", "{size: 0}", "{size: a}", "{size: 1, sise: 2}", "{size: 1, port: {}}", "{size: 1, labels: {a: 1}}"])(
    "refuses %s",
    (spec) => {
      expect(problems(spec)).not.toEqual([]);
    },
  );
});

const isCustom = ({ apiVersion }: KubeObject) => CUSTOM.test(apiVersion);

describe.skipIf(!hasHelm())("custom resources", PATIENTLY, () => {
  test.skipIf(!complete).each(VALUES_FILES)("of %s fit their definitions, with no unknown field", async (file) => {
    for (const object of (await render({ values: [file] })).filter(isCustom)) {
      expect(check(object), `${object.kind} ${object.metadata.name}`).toEqual([]);
    }
  });

  test("the dev preset is one node whose volume goes with it, and nothing is kept", async () => {
    const objects = (await render()).filter(isCustom);
    const pools = objects.filter(({ kind }) => kind === "KafkaNodePool");
    expect(pools.map(({ metadata }) => metadata.name)).toEqual(["dual"]);
    expect(at(pools[0], "spec")).toMatchObject({
      replicas: 1,
      roles: ["controller", "broker"],
      storage: { volumes: [{ type: "persistent-claim", deleteClaim: true }] },
    });
    expect(objects.filter(({ metadata }) => metadata.annotations?.["helm.sh/resource-policy"] !== undefined)).toEqual(
      [],
    );
  });

  test("the production preset has three of everything, two copies to acknowledge, and survives an uninstall", async () => {
    const objects = (await render({ values: ["values-production.yaml"] })).filter(isCustom);
    const pools = objects.filter(({ kind }) => kind === "KafkaNodePool");
    expect(
      pools.map(({ metadata, spec }) => [
        metadata.name,
        at(spec, "replicas"),
        at(spec, "storage", "volumes", 0, "deleteClaim"),
      ]),
    ).toEqual([
      ["broker", 3, false],
      ["controller", 3, false],
    ]);
    expect(at(only(objects, "Kafka", "alertcast-kafka"), "spec", "kafka", "config")).toMatchObject({
      "default.replication.factor": 3,
      "min.insync.replicas": 2,
      "transaction.state.log.min.isr": 2,
    });
    for (const topic of objects.filter(({ kind }) => kind === "KafkaTopic")) {
      expect(at(topic, "spec")).toMatchObject({ replicas: 3, config: { "min.insync.replicas": 2 } });
    }
    for (const { kind, metadata } of objects.filter(({ apiVersion }) => apiVersion.startsWith("kafka."))) {
      expect(metadata.annotations, kind).toEqual({ "helm.sh/resource-policy": "keep" });
    }
  });

  test("the production preset runs no exporter that nothing scrapes", async () => {
    const objects = await render({ values: ["values-production.yaml"] });
    expect(at(only(objects, "Kafka", "alertcast-kafka"), "spec", "kafkaExporter")).toBeUndefined();
  });

  test("on a Strimzi cluster that is there already, topics have three copies by default and survive an uninstall", async () => {
    const objects = (await render({ values: ["ci/cluster-there-values.yaml"] })).filter(isCustom);
    expect(objects.filter(({ kind }) => kind === "Kafka" || kind === "KafkaNodePool")).toEqual([]);
    const topics = objects.filter(({ kind }) => kind === "KafkaTopic");
    expect(topics).toHaveLength(2);
    for (const topic of topics) {
      expect(at(topic, "spec"), topic.metadata.name).toMatchObject({
        replicas: 3,
        config: { "min.insync.replicas": 2 },
      });
      expect(topic.metadata.annotations, topic.metadata.name).toEqual({ "helm.sh/resource-policy": "keep" });
    }
    // The presets are of a cluster that the chart makes.
    const dev = { values: ["ci/cluster-there-values.yaml"], set: ["kafka.strimzi.preset=dev"] };
    expect((await render(dev)).filter(isCustom)).toEqual(objects);
  });

  test("events keep the log's time, under their real name", async () => {
    const topic = only(await render(), "KafkaTopic", "alertcast-events");
    expect(topic.spec).toMatchObject({
      topicName: "device_events",
      config: { "message.timestamp.type": "LogAppendTime" },
    });
  });

  test("topic finalizers are off, so that a namespace can go", async () => {
    const kafka = only(await render(), "Kafka", "alertcast-kafka");
    expect(at(kafka, "spec", "entityOperator", "template", "topicOperatorContainer", "env")).toContainEqual({
      name: "STRIMZI_USE_FINALIZERS",
      value: "false",
    });
  });

  test("each Kafka user may do what it needs and no more", async () => {
    const users = (await render()).filter(({ kind }) => kind === "KafkaUser");
    const rights = users.map(({ metadata, spec }) => [
      metadata.name,
      listAt(spec, "authorization", "acls").map(
        (acl) =>
          `${at(acl, "resource", "type")} ${at(acl, "resource", "name")} ${at(acl, "resource", "patternType")}: ${listAt(acl, "operations").join(" ")}`,
      ),
    ]);
    expect(Object.fromEntries(rights)).toEqual({
      "alertcast-api": ["topic tickets literal: Write"],
      "alertcast-ingestor": ["topic device_events literal: Write"],
      "alertcast-operator": ["topic device_events literal: Describe", "group alertcast-processor literal: Describe"],
      "alertcast-processor": [
        "topic device_events literal: Read Write DescribeConfigs",
        "group alertcast-processor literal: Read",
      ],
    });
  });

  test("node pools given in part replace the preset's value whole", async () => {
    const pool = only(await render({ values: ["ci/full-values.yaml"] }), "KafkaNodePool", "dual");
    expect(at(pool, "spec", "jvmOptions")).toEqual({ "-Xmx": "512m" });
    expect(at(pool, "spec", "storage", "volumes", 0)).toMatchObject({ size: "20Gi", class: "fast" });
  });

  test("a LagScaler names the processor, its group and its topic, and replicas only for AtLeast", async () => {
    const scaler = only(await render(), "LagScaler", "alertcast-processor");
    expect(scaler.spec).toMatchObject({
      targetRef: { name: "alertcast-processor" },
      kafka: { groupId: "alertcast-processor", topics: ["device_events"] },
      onSourceFailure: { policy: "Hold", afterSeconds: 120 },
    });
    expect(at(scaler, "spec", "onSourceFailure", "replicas")).toBeUndefined();
    const other = only(await render({ values: ["ci/external-values.yaml"] }), "LagScaler", "alertcast-processor");
    expect(at(other, "spec", "onSourceFailure")).toMatchObject({ policy: "AtLeast", replicas: 5 });
    expect(at(other, "spec", "kafka", "brokers")).toHaveLength(3);
  });

  test("the PodMonitor finds every component by a label and port that its pods have", async () => {
    const objects = await render({ values: ["ci/full-values.yaml"] });
    const monitor = only(objects, "PodMonitor", "alertcast");
    expect(at(monitor, "spec", "selector", "matchExpressions", 0, "values")).toEqual([
      "ingestor",
      "processor",
      "api",
      "operator",
    ]);
    for (const component of ["ingestor", "processor", "api", "operator"]) {
      const pod = at(only(objects, "Deployment", `alertcast-${component}`), "spec", "template");
      expect(at(pod, "metadata", "labels")).toMatchObject(Object(at(monitor, "spec", "selector", "matchLabels")));
      expect(at(pod, "metadata", "labels", "app.kubernetes.io/component")).toBe(component);
      expect(listAt(pod, "spec", "containers", 0, "ports")).toContainEqual({ name: "metrics", containerPort: 9464 });
    }
  });
});
