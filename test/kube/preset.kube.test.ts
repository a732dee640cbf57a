// Another preset of Kafka on a cluster that is there: refused with what to do, as Strimzi deletes a pool's data with the pool.
import { beforeAll, describe, expect, test } from "vitest";
import { hasHelm, MAJORS } from "../chart/helm.ts";
import { waitFor } from "../harness/wait.ts";
import { cluster, hasOtherCrds, installCrds } from "./control-plane/cluster.ts";
import { type Input, release } from "./release.ts";

const DEV: Input = { values: ["values-kind.yaml"] };
const PRODUCTION: Input = { values: ["values-production.yaml"] };
/** What the other preset would delete or set beside them, and the way to keep them. */
const REFUSED = {
  dev: /Kafka cluster alertcast-kafka .* pools? dual .*kafka\.strimzi\.preset=dev/s,
  production: /Kafka cluster alertcast-kafka .* pools? broker, controller .*kafka\.strimzi\.preset=production/s,
};

describe.skipIf(!hasHelm() || !hasOtherCrds())("the preset of Kafka", () => {
  const kube = cluster();
  const { api } = kube;
  beforeAll(() => installCrds(api));
  const pools = async (namespace: string) =>
    (await api.list("kafka.strimzi.io/v1", "KafkaNodePool", namespace)).map(({ metadata }) => metadata.name).toSorted();

  describe.each(MAJORS)("with Helm %i", (major) => {
    test("cannot be changed by an upgrade from dev to production: the pool stays, and the same preset goes on", async () => {
      await using namespace = await kube.newNamespace();
      const helm = release(kube, major, namespace.name);
      await helm.install(DEV);
      await expect(helm.upgrade(PRODUCTION)).rejects.toThrow(REFUSED.dev);
      expect(await pools(namespace.name)).toEqual(["dual"]);
      await helm.upgrade({ ...DEV, set: ["api.replicas=2"] });
      expect(await pools(namespace.name)).toEqual(["dual"]);
    });

    test("cannot be changed from production to dev, by an upgrade or by an installation over what was kept", async () => {
      await using namespace = await kube.newNamespace();
      const helm = release(kube, major, namespace.name);
      await helm.install(PRODUCTION);
      await expect(helm.upgrade(DEV)).rejects.toThrow(REFUSED.production);
      await helm.uninstall();
      await waitFor(async () => (await api.list("apps/v1", "Deployment", namespace.name)).length === 0, {
        what: "the Deployments to go",
      });
      await expect(helm.install(DEV)).rejects.toThrow(REFUSED.production);
      expect(await pools(namespace.name)).toEqual(["broker", "controller"]);
    });

    test("looks at its own cluster's pools, and at no name but those of the presets", async () => {
      await using namespace = await kube.newNamespace();
      const pool = (name: string, of: string) => ({
        apiVersion: "kafka.strimzi.io/v1",
        kind: "KafkaNodePool",
        metadata: { name, namespace: namespace.name, labels: { "strimzi.io/cluster": of } },
        spec: {
          replicas: 1,
          roles: ["broker"],
          storage: { type: "jbod", volumes: [{ id: 0, type: "ephemeral" }] },
        },
      });
      await api.apply(pool("broker", "other"));
      await api.apply(pool("more", "alertcast-kafka"));
      await release(kube, major, namespace.name).install(DEV);
      expect(await pools(namespace.name)).toEqual(["broker", "dual", "more"]);
    });
  });
});
