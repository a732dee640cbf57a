// The chart beside Strimzi: what it says where Strimzi is not installed, and that its topics do not hold their namespace up.
import { beforeAll, describe, expect, test } from "vitest";
import { hasHelm, MAJORS } from "../chart/helm.ts";
import { waitFor } from "../harness/wait.ts";
import { cluster, condition, hasOtherCrds, installCrds, strimziCrds } from "./control-plane/cluster.ts";
import { contents, release } from "./release.ts";

describe.skipIf(!hasHelm() || !hasOtherCrds())("Strimzi", () => {
  const kube = cluster();
  const { api } = kube;
  beforeAll(() => installCrds(api));
  const reference = (name: string) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

  test("a topic with a finalizer would hold its namespace up", async () => {
    await using namespace = await kube.newNamespace();
    const topic = {
      apiVersion: "kafka.strimzi.io/v1",
      kind: "KafkaTopic",
      metadata: { name: "held", namespace: namespace.name, finalizers: ["strimzi.io/topic-operator"] },
      spec: { partitions: 1, replicas: 1 },
    };
    await api.apply(topic);
    await api.remove(reference(namespace.name));
    const held = await waitFor(
      async () => condition(await api.get(reference(namespace.name)), "NamespaceFinalizersRemaining"),
      { what: "the namespace to say what it waits for" },
    );
    expect(held).toMatchObject({ status: "True", message: expect.stringContaining("strimzi.io/topic-operator") });
    await api.patch(topic, { metadata: { finalizers: null } });
    await waitFor(async () => (await api.get(reference(namespace.name))) === undefined, {
      what: "the namespace to go",
    });
  });

  test("the namespace of a release that nobody uninstalled goes by itself", async () => {
    await using namespace = await kube.newNamespace();
    await release(kube, 3, namespace.name).install({});
    expect(await contents(kube, namespace.name)).toEqual(
      expect.arrayContaining([
        "KafkaTopic alertcast-events",
        "KafkaUser alertcast-api",
        "LagScaler alertcast-processor",
      ]),
    );
    await api.remove(reference(namespace.name));
    await waitFor(async () => (await api.get(reference(namespace.name))) === undefined, {
      what: "the namespace to go",
      deadlineMs: 120_000,
    });
  });

  test("where it is absent, an installation says what to run, and none is needed for a Kafka of one's own", async () => {
    await using namespace = await kube.newNamespace();
    await using stack = new AsyncDisposableStack();
    stack.defer(() => installCrds(api, strimziCrds()));
    for (const crd of strimziCrds()) await api.remove(crd);
    for (const crd of strimziCrds()) {
      await waitFor(async () => (await api.get(crd)) === undefined, { what: `${crd.metadata.name} to go` });
    }
    for (const major of MAJORS) {
      const helm = release(kube, major, namespace.name);
      const commands = /Strimzi is not installed.*\n +helm install strimzi \S*strimzi-kafka-operator .*--wait\n/;
      await expect(helm.install({}), `Helm ${major}`).rejects.toThrow(commands);
      await helm.install({ values: ["ci/minimal-values.yaml"] });
      await helm.uninstall();
    }
  });
});
