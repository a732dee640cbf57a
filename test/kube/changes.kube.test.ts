// What docs/kubernetes.md says to do where an upgrade alone does nothing or is refused: each way is gone to its end.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { at, hasHelm, type KubeObject, listAt, MAJORS } from "../chart/helm.ts";
import { waitFor } from "../harness/wait.ts";
import type { Reference } from "./control-plane/api.ts";
import { cluster, hasOtherCrds, installCrds, type TestNamespace } from "./control-plane/cluster.ts";
import { type Release, release } from "./release.ts";

describe.skipIf(!hasHelm() || !hasOtherCrds())("a change", () => {
  const kube = cluster();
  const { api } = kube;
  beforeAll(() => installCrds(api));

  describe.each(MAJORS)("with Helm %i", (major) => {
    let namespace: TestNamespace;
    let helm: Release;
    /** What the upgrades so far have set. */
    const given = ["image.tag=1.0.1"];
    const upgrade = (...set: string[]) => helm.upgrade({ values: ["values-kind.yaml"], set: [...given, ...set] });
    const object = (apiVersion: string, kind: string, name: string): Reference => ({
      apiVersion,
      kind,
      metadata: { name: `alertcast-${name}`, namespace: namespace.name },
    });
    const scaler = () => object("scaling.alertcast.dev/v1alpha1", "LagScaler", "processor");
    const mode = async () => at(await api.get(scaler()), "spec", "mode");
    const uid = (found: KubeObject | undefined) => at(found, "metadata", "uid");

    async function remove(reference: Reference, propagation: "Background" | "Orphan"): Promise<void> {
      await api.request("DELETE", `${await api.path(reference)}?propagationPolicy=${propagation}`);
      await waitFor(async () => (await api.get(reference)) === undefined, {
        what: `${reference.kind} ${reference.metadata.name} to go`,
      });
    }

    beforeAll(async () => {
      namespace = await kube.newNamespace();
      helm = release(kube, major, namespace.name);
      await helm.install({ values: ["values-kind.yaml"], set: given });
    });
    afterAll(() => namespace[Symbol.asyncDispose]());

    test("of nothing makes the set-up Job anew once it was deleted, and not before", async () => {
      const jobs = () => api.list("batch/v1", "Job", namespace.name);
      const [job] = await jobs();
      if (job === undefined) throw new Error("there is no Job");
      await upgrade();
      expect((await jobs()).map(uid)).toEqual([uid(job)]);
      await remove(job, "Background");
      await upgrade();
      const [made, ...others] = await jobs();
      expect(made?.metadata.name).toBe(job.metadata.name);
      expect(uid(made)).not.toBe(uid(job));
      expect(others).toEqual([]);
    });

    test("of the mode goes by an upgrade, and back", async () => {
      await upgrade("scaler.mode=Paused");
      expect(await mode()).toBe("Paused");
      await upgrade();
      expect(await mode()).toBe("Active");
    });

    test("of the mode by kubectl has to be set back by kubectl before the next upgrade", async () => {
      const byKubectl = async (to: string) => {
        const path = `${await api.path(scaler())}?fieldManager=kubectl-patch`;
        const body = { spec: { mode: to } };
        await api.request("PATCH", path, { body, contentType: "application/merge-patch+json" });
      };
      await byKubectl("Paused");
      if (major === 4) await expect(upgrade()).rejects.toThrow(/conflict with "kubectl-patch"/);
      else await upgrade();
      expect(await mode()).toBe("Paused");
      await byKubectl("Active");
      await upgrade();
      expect(await mode()).toBe("Active");
    });

    test("of a variable that the chart sets itself is taken", async () => {
      given.push("ingestor.extraEnv[0].name=INGEST_RATE", "ingestor.extraEnv[0].value=5");
      await upgrade();
      const ingestor = await api.get(object("apps/v1", "Deployment", "ingestor"));
      const env = listAt(ingestor, "spec", "template", "spec", "containers", 0, "env");
      expect(env.filter((variable) => at(variable, "name") === "INGEST_RATE")).toEqual([
        { name: "INGEST_RATE", value: "5" },
      ]);
    });

    test("of the consumer group is refused until the LagScaler was deleted", async () => {
      const group = "kafka.consumerGroup=other";
      await expect(upgrade(group)).rejects.toThrow(/the group cannot be changed/);
      await remove(scaler(), "Background");
      given.push(group);
      await upgrade();
      expect(at(await api.get(scaler()), "spec", "kafka", "groupId")).toBe("other");
    });

    test("of the database's size is refused until the StatefulSet was deleted around its pod, which stays", async () => {
      const set = object("apps/v1", "StatefulSet", "postgresql");
      const pod = object("v1", "Pod", "postgresql-0");
      const before = await waitFor(() => api.get(pod), { what: "the database's pod" });
      const size = "postgresql.storage.size=16Gi";
      await expect(upgrade(size)).rejects.toThrow(/Forbidden/);
      await remove(set, "Orphan");
      given.push(size);
      await upgrade();
      const made = await api.get(set);
      expect(at(made, "spec", "volumeClaimTemplates", 0, "spec", "resources", "requests", "storage")).toBe("16Gi");
      const owner = async () => at(await api.get(pod), "metadata", "ownerReferences", 0, "uid");
      await waitFor(async () => (await owner()) === uid(made), { what: "the new StatefulSet to take the pod up" });
      expect(uid(await api.get(pod))).toBe(uid(before));
    });
  });
});
