// A real API server accepts everything that the chart renders: strictly, and under Pod Security's restricted level without a warning.
import { beforeAll, describe, expect, test } from "vitest";
import { hasHelm, type KubeObject, MAJORS, NAMESPACE, only, podOf, render, VALUES_FILES } from "../chart/helm.ts";
import { waitFor } from "../harness/wait.ts";
import { cluster, condition, hasOtherCrds, installCrds, RESTRICTED } from "./control-plane/cluster.ts";
import { refusal } from "./release.ts";

/** Kinds whose definitions are not at hand here. */
const UNKNOWN = ["gateway.networking.k8s.io/v1"];
/** Where the chart's objects go by their own metadata. */
const NAMESPACES = [NAMESPACE, "monitoring"];

describe.skipIf(!hasHelm() || !hasOtherCrds())("a dry run on the server", () => {
  const { api, newNamespace } = cluster();
  beforeAll(async () => {
    await installCrds(api);
    for (const name of NAMESPACES) {
      await api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: RESTRICTED } });
    }
    return async () => {
      for (const name of NAMESPACES) await api.remove({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    };
  });

  /** What the server says against the objects, one line each. */
  async function complaints(objects: readonly KubeObject[]): Promise<string[]> {
    const found: string[] = [];
    for (const object of objects.filter(({ apiVersion }) => !UNKNOWN.includes(apiVersion))) {
      const name = `${object.kind} ${object.metadata.name}`;
      await api.apply(object, { dryRun: true, namespace: NAMESPACE }).then(
        ({ warnings }) => found.push(...warnings.map((warning) => `${name}: ${warning}`)),
        (error: unknown) => found.push(`${name}: ${error}`),
      );
    }
    return found;
  }

  test.each(VALUES_FILES)("of %s finds no unknown field, nothing invalid, nothing to warn of", async (file) => {
    const objects = await render({ values: [file] });
    expect(objects.length).toBeGreaterThan(5);
    expect(await complaints(objects)).toEqual([]);
  });

  test("of what Helm 4 renders finds the same", async () => {
    expect(MAJORS).toContain(4);
    expect(await complaints(await render({ major: 4 }))).toEqual([]);
  });

  test("would have found a misspelt field and a pod that is not restricted", async () => {
    const deployment = only(await render(), "Deployment", "alertcast-api");
    const misspelt = { ...deployment, spec: { ...Object(deployment.spec), revisionHistoryLimits: 5 } };
    expect(await complaints([misspelt])).toEqual([expect.stringContaining("revisionHistoryLimits")]);
    expect(await complaints([unrestricted(deployment)])).toEqual([
      expect.stringContaining('would violate PodSecurity "restricted'),
    ]);
  });

  test("of a pod that is not restricted is refused, and a Deployment of such pods gets none", async () => {
    await using namespace = await newNamespace({ restricted: true });
    const deployment = unrestricted(only(await render(), "Deployment", "alertcast-api"), namespace.name);
    const pod = { ...Object(podOf(deployment)), apiVersion: "v1", kind: "Pod" };
    const error = await refusal(
      api.apply({ ...pod, metadata: { name: "broken", namespace: namespace.name } }, { dryRun: true }),
    );
    expect(error.status).toBe(403);
    await api.apply(deployment);
    const failure = await waitFor(async () => condition(await api.get(deployment), "ReplicaFailure"), {
      what: "the Deployment to say that its pods are refused",
    });
    expect(failure).toMatchObject({ status: "True", reason: "FailedCreate" });
    expect(await api.list("v1", "Pod", namespace.name)).toEqual([]);
  });
});

/** The object with pods that run as they like; in another namespace, if told. */
function unrestricted(object: KubeObject, namespace = NAMESPACE): KubeObject {
  const copy = structuredClone(object);
  const pod = Object(podOf(copy)).spec;
  delete pod.securityContext;
  // The account is the namespace's own, so that Pod Security alone stands in the way.
  pod.serviceAccountName = "default";
  for (const container of pod.containers) delete container.securityContext;
  return { ...copy, metadata: { ...copy.metadata, namespace } };
}
