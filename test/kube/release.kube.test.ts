// The life of a release on a real API server, with Helm 3 and Helm 4: install, upgrade, rollback, uninstall.
import { beforeAll, describe, expect, test } from "vitest";
import { at, hasHelm, type KubeObject, listAt, MAJORS } from "../chart/helm.ts";
import { waitFor } from "../harness/wait.ts";
import { cluster, condition, hasOtherCrds, installCrds, isTrue, type TestNamespace } from "./control-plane/cluster.ts";
import { startAccepting, startKubelet } from "./control-plane/stand-ins.ts";
import { chartOf, contents, evict, ownersOfReplicas, type Release, release, WORKLOADS } from "./release.ts";
import { runSetup } from "./setup.ts";

const WAIT = ["--wait", "--timeout", "180s"];
const PROCESSOR = { apiVersion: "apps/v1", kind: "Deployment" };

describe.skipIf(!hasHelm() || !hasOtherCrds())("a release", () => {
  const kube = cluster();
  const { api } = kube;
  beforeAll(() => installCrds(api));

  const deployment = (namespace: string, component: string) => ({
    ...PROCESSOR,
    metadata: { name: `alertcast-${component}`, namespace },
  });
  const objects = async (kind: string, namespace: string) => {
    const [apiVersion] = WORKLOADS.find(([, name]) => name === kind) ?? ["v1"];
    return await api.list(apiVersion, kind, namespace);
  };
  const jobNames = async (namespace: string) => (await objects("Job", namespace)).map(({ metadata }) => metadata.name);
  const replicas = async (namespace: string) =>
    at(await api.get(deployment(namespace, "processor")), "spec", "replicas");

  /** As the operator does it: by the scale subresource, under its own name. */
  async function scale(namespace: string, to: number): Promise<void> {
    const path = `${await api.path(deployment(namespace, "processor"))}/scale?fieldManager=alertcast-operator`;
    const body = { spec: { replicas: to } };
    await api.request("PATCH", path, { body, contentType: "application/merge-patch+json" });
    const what = `${to} processors to be ready`;
    await waitFor(async () => at(await api.get(deployment(namespace, "processor")), "status", "readyReplicas") === to, {
      what,
    });
  }

  /** What must not change from one version of the chart to the next. */
  async function immutable(namespace: string): Promise<unknown> {
    const sets = [...(await objects("Deployment", namespace)), ...(await objects("StatefulSet", namespace))];
    return sets.map(({ kind, metadata, spec }) => ({
      object: `${kind} ${metadata.name}`,
      uid: at(metadata, "uid"),
      selector: at(spec, "selector"),
      serviceName: at(spec, "serviceName"),
      volumeClaimTemplates: at(spec, "volumeClaimTemplates"),
    }));
  }

  describe.each(MAJORS)("of values-kind by Helm %i", (major) => {
    let namespace: TestNamespace;
    let helm: Release;
    let stderr: string;
    let kubelet: AsyncDisposable;
    const kind = (set: readonly string[] = []) => ({
      values: ["values-kind.yaml"],
      set: ["image.tag=1.0.1", "ingestor.replicas=3", ...set],
      args: WAIT,
    });

    beforeAll(async () => {
      namespace = await kube.newNamespace({ restricted: true });
      helm = release(kube, major, namespace.name);
      kubelet = startKubelet(api, namespace.name);
      const operator = startAccepting(api, namespace.name);
      stderr = await helm.install(kind());
      return async () => {
        await kubelet[Symbol.asyncDispose]();
        await operator[Symbol.asyncDispose]();
        await namespace[Symbol.asyncDispose]();
      };
    });

    test("installs with --wait into a restricted namespace, without a warning", async () => {
      expect(stderr).toBe("");
      const names = [
        ...(await objects("Deployment", namespace.name)),
        ...(await objects("StatefulSet", namespace.name)),
      ];
      expect(names.map(({ metadata }) => metadata.name).sort()).toEqual(
        ["api", "ingestor", "operator", "postgresql", "processor", "redis"].map((name) => `alertcast-${name}`),
      );
    });

    test("every ReplicaSet, StatefulSet and Job has its pods, and none was refused", async () => {
      const wanted = { ReplicaSet: "replicas", StatefulSet: "replicas", Job: "completions" };
      for (const [workload, field] of Object.entries(wanted)) {
        const found = await objects(workload, namespace.name);
        expect(found.length, workload).toBeGreaterThan(0);
        for (const object of found) {
          const name = `${workload} ${object.metadata.name}`;
          const done = workload === "Job" ? "succeeded" : "readyReplicas";
          // A Job is not waited for by --wait.
          await waitFor(async () => at(await api.get(object), "status", done) === at(object, "spec", field), {
            what: `${name} to have its pods`,
          });
        }
      }
      const events = await api.list("v1", "Event", namespace.name);
      expect(events.length).toBeGreaterThan(0);
      const failures = events.filter(({ reason }) => String(reason).includes("FailedCreate"));
      expect(failures.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([]);
    });

    test("H3 the set-up program makes its Secrets with the rights of its own ServiceAccount, and keeps them the next time", async () => {
      const secrets = ["alertcast-postgresql", "alertcast-redis"];
      expect(await runSetup(kube, namespace.name)).toEqual(Object.fromEntries(secrets.map((name) => [name, "made"])));
      const data = async () =>
        Object.fromEntries(
          (await objects("Secret", namespace.name)).map(({ metadata, data }) => [metadata.name, data]),
        );
      const made = await data();
      expect(Object.keys(made)).toEqual(expect.arrayContaining(secrets));
      expect(await runSetup(kube, namespace.name)).toEqual(Object.fromEntries(secrets.map((name) => [name, "kept"])));
      for (const name of secrets) expect((await data())[name]).toEqual(made[name]);
    });

    test("an upgrade leaves the processors that the operator asked for alone", async () => {
      await scale(namespace.name, 7);
      const jobs = await jobNames(namespace.name);
      await helm.upgrade(kind(["api.replicas=2"]));
      expect(await replicas(namespace.name)).toBe(7);
      // Where Helm 4 has made the Deployment, the API server writes down nobody for the scale subresource.
      const owners = async (component: string) => {
        const found = await api.get(deployment(namespace.name, component));
        return found === undefined ? [] : ownersOfReplicas(found);
      };
      expect(await owners("processor")).toEqual(major === 3 ? ["alertcast-operator"] : []);
      expect(await owners("api")).toEqual(["helm"]);
      expect(await jobNames(namespace.name), "the same image needs no new Job").toEqual(jobs);
    });

    test("H3 a changed image makes another set-up Job, and a raised chart version changes nothing that must not change", async () => {
      const before = await immutable(namespace.name);
      const jobs = await jobNames(namespace.name);
      await helm.upgrade(kind(["image.tag=1.0.2"]));
      expect(await jobNames(namespace.name)).not.toEqual(jobs);
      const secrets = (await objects("Secret", namespace.name)).filter(({ type }) => type === "Opaque");
      for (const version of ["0.2.0", "0.3.0"]) {
        using chart = chartOf(version);
        await helm.upgrade({ chart: chart.path, args: [...WAIT, "--reuse-values"] });
      }
      expect(await immutable(namespace.name)).toEqual(before);
      expect((await objects("Secret", namespace.name)).filter(({ type }) => type === "Opaque")).toEqual(secrets);
      expect(await replicas(namespace.name)).toBe(7);
    });

    test("a rollback to the first revision leaves the processors alone", async () => {
      await helm.rollback(1, WAIT);
      expect(await replicas(namespace.name)).toBe(7);
      expect(
        at(await api.get(deployment(namespace.name, "api")), "spec", "template", "spec", "containers", 0, "image"),
      ).toMatch(/:1.0.1$/);
    });

    test("H3 the scaler can be switched off and on again", async () => {
      const before = await immutable(namespace.name);
      await helm.upgrade(kind(["scaler.enabled=false"]));
      expect(await api.list("scaling.alertcast.dev/v1alpha1", "LagScaler", namespace.name)).toEqual([]);
      await helm.upgrade(kind());
      const operator = deployment(namespace.name, "operator");
      expect(isTrue(await api.get(operator), "Available")).toBe(true);
      const others = (list: unknown) =>
        (Array.isArray(list) ? list : []).filter(
          (entry) => at(entry, "object") !== `Deployment ${operator.metadata.name}`,
        );
      expect(others(await immutable(namespace.name))).toEqual(others(before));
    });

    test("a drain takes as many pods at once as the disruption budgets say, and gets 429 for the next", async () => {
      await scale(namespace.name, 7);
      // An evicted pod comes back at once else.
      await kubelet[Symbol.asyncDispose]();
      // A quarter of seven, rounded up; and one.
      for (const [component, allowed] of Object.entries({ processor: 2, ingestor: 1 })) {
        const budget = {
          apiVersion: "policy/v1",
          kind: "PodDisruptionBudget",
          metadata: deployment(namespace.name, component).metadata,
        };
        await waitFor(async () => at(await api.get(budget), "status", "disruptionsAllowed") === allowed, {
          what: `the budget of ${component} to allow ${allowed}`,
        });
        const pods = (await objects("Pod", namespace.name)).filter((pod) => isOf(pod, component));
        const statuses: number[] = [];
        for (const pod of pods.slice(0, allowed + 1))
          statuses.push(await evict(kube, namespace.name, pod.metadata.name));
        expect(statuses, component).toEqual([...Array<number>(allowed).fill(201), 429]);
      }
    });

    test("an uninstall leaves the Secrets that set-up made and the database's volume, and nothing else", async () => {
      await helm.uninstall();
      const left = [
        "PersistentVolumeClaim data-alertcast-postgresql-0",
        "Secret alertcast-postgresql",
        "Secret alertcast-redis",
      ];
      await waitFor(async () => (await contents(kube, namespace.name)).length <= left.length, {
        what: "the rest to go",
      });
      expect(await contents(kube, namespace.name)).toEqual(left);
    });
  });

  describe.each(MAJORS)("of values-production by Helm %i", (major) => {
    test("installs with --wait without a warning, and leaves Kafka, its topics and users behind", async () => {
      await using namespace = await kube.newNamespace({ restricted: true });
      await using _kubelet = startKubelet(api, namespace.name);
      await using _operator = startAccepting(api, namespace.name);
      const helm = release(kube, major, namespace.name);
      expect(await helm.install({ values: ["values-production.yaml"], args: WAIT })).toBe("");
      const processor = await api.get(deployment(namespace.name, "processor"));
      expect(isTrue(processor, "Available")).toBe(true);
      await helm.uninstall();
      const kept = [
        "Kafka alertcast-kafka",
        "KafkaNodePool broker",
        "KafkaNodePool controller",
        "KafkaTopic alertcast-events",
        "KafkaTopic alertcast-tickets",
        ...["api", "ingestor", "operator", "processor"].map((name) => `KafkaUser alertcast-${name}`),
      ];
      await waitFor(async () => (await contents(kube, namespace.name)).length <= kept.length, {
        what: "the rest to go",
      });
      expect(await contents(kube, namespace.name)).toEqual(kept);
      // The same name adopts them again.
      expect(await helm.install({ values: ["values-production.yaml"] })).toBe("");
    });
  });

  test.each(MAJORS)("by Helm %i is not taken for ready while no pod runs", async (major) => {
    await using namespace = await kube.newNamespace({ restricted: true });
    await using _operator = startAccepting(api, namespace.name);
    const helm = release(kube, major, namespace.name);
    const input = { values: ["values-kind.yaml"], args: ["--wait", "--timeout", "15s"] };
    await expect(helm.install(input)).rejects.toThrow(/deadline exceeded|not ready/i);
    expect(condition(await api.get(deployment(namespace.name, "api")), "Available")).toMatchObject({ status: "False" });
  });
});

function isOf(pod: KubeObject, component: string): boolean {
  return (
    pod.metadata.labels?.["app.kubernetes.io/component"] === component &&
    listAt(pod, "status", "conditions").some((entry) => at(entry, "type") === "Ready" && at(entry, "status") === "True")
  );
}
