// The LagScaler definition against a real API server: what it takes, refuses, defaults and shows (test 8 of the list).
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { at, type KubeObject, listAt } from "../chart/helm.ts";
import { chartCrds, cluster, installCrds, type TestNamespace } from "./control-plane/cluster.ts";
import { newLagScaler } from "./lag-scaler.ts";
import { refusal } from "./release.ts";

describe("LagScaler", () => {
  const { api } = cluster();
  let namespace: TestNamespace;
  beforeAll(async () => {
    await installCrds(api, chartCrds());
    namespace = await cluster().newNamespace();
  });
  afterAll(() => namespace[Symbol.asyncDispose]());
  const make = (spec: object = {}, name = "demo") => newLagScaler(namespace.name, name, spec);
  const dryRun = (object: KubeObject) => api.apply(object, { dryRun: true });

  test("the least there can be is taken, the rest gets its defaults, and the status says that nobody has looked yet", async () => {
    await api.apply(make({}, "least"));
    const made = await api.get(make({}, "least"));
    expect(made?.spec).toMatchObject({
      minReplicas: 1,
      maxReplicas: 24,
      mode: "Active",
      kafka: { commitIntervalSeconds: 1 },
      objective: { maxLagSeconds: 30, drainSeconds: 120 },
      capacity: { mode: "Auto" },
      behavior: { targetUtilization: "0.8", scaleDownWindowSeconds: 300, maxStep: 8 },
      onSourceFailure: { policy: "Hold", afterSeconds: 120 },
    });
    expect(made?.status).toEqual({ observedGeneration: -1 });
  });

  test.each([
    [
      "everything",
      { minReplicas: 2, maxReplicas: 9, mode: "DryRun", capacity: { mode: "Busy", initialPerReplica: 50 } },
    ],
    ["a fallback with its number", { onSourceFailure: { policy: "AtLeast", replicas: 4, afterSeconds: 0 } }],
    ["bounds that are one number", { minReplicas: 3, maxReplicas: 3 }],
    ["an objective equal to the drain time", { objective: { maxLagSeconds: 60, drainSeconds: 60 } }],
  ])("%s is taken", async (_, spec) => {
    expect((await dryRun(make(spec))).warnings).toEqual([]);
  });

  test.each([
    ["minReplicas above maxReplicas", { minReplicas: 5, maxReplicas: 4 }, "minReplicas must not be more"],
    ["minReplicas above the default maxReplicas", { minReplicas: 25 }, "minReplicas must not be more"],
    ["minReplicas 0", { minReplicas: 0 }, "spec.minReplicas"],
    ["a drain time below the objective", { objective: { maxLagSeconds: 121 } }, "drainSeconds must not be less"],
    ["AtLeast without replicas", { onSourceFailure: { policy: "AtLeast" } }, "AtLeast needs replicas"],
    ["a utilization of 1", { behavior: { targetUtilization: "1.0" } }, "targetUtilization"],
    ["a utilization as a number", { behavior: { targetUtilization: 0.8 } }, "targetUtilization"],
    ["an unknown mode", { mode: "Off" }, "spec.mode"],
    ["a broker without a port", { kafka: { brokers: ["kafka"], groupId: "g", topics: ["t"] } }, "brokers"],
    ["no topic", { kafka: { brokers: ["k:1"], groupId: "g", topics: [] } }, "topics"],
    ["a topic twice", { kafka: { brokers: ["k:1"], groupId: "g", topics: ["t", "t"] } }, "topics"],
    [
      "commits that are rarer than looks",
      { kafka: { brokers: ["k:1"], groupId: "g", topics: ["t"], commitIntervalSeconds: 11 } },
      "commitIntervalSeconds",
    ],
    ["no target", { targetRef: {} }, "targetRef.name"],
    ["a misspelt field", { maxReplica: 4 }, "maxReplica"],
  ])("%s is refused, saying so", async (_, spec, words) => {
    const error = await refusal(dryRun(make(spec)));
    expect([400, 422, 500]).toContain(error.status);
    expect(error.message).toContain(words);
  });

  test("target and group cannot be changed, the rest can", async () => {
    const before = make({}, "fixed");
    await api.apply(before);
    const kafka = Object(before.spec).kafka;
    expect((await refusal(api.patch(before, { spec: { targetRef: { name: "other" } } }))).message).toContain("target");
    expect((await refusal(api.patch(before, { spec: { kafka: { groupId: "other" } } }))).message).toContain("group");
    await api.patch(before, { spec: { kafka: { ...kafka, topics: ["other"] }, maxReplicas: 5 } });
  });

  test("a status write keeps the generation, and changes nothing of the spec", async () => {
    const object = make({}, "status");
    await api.apply(object);
    const before = await api.get(object);
    await api.patch(
      object,
      { spec: { maxReplicas: 2 }, status: { observedGeneration: 1, currentReplicas: 3 } },
      "status",
    );
    const after = await api.get(object);
    expect(at(after, "metadata", "generation")).toBe(at(before, "metadata", "generation"));
    expect(after?.spec).toEqual(before?.spec);
    expect(after?.status).toMatchObject({ observedGeneration: 1, currentReplicas: 3 });
  });

  test("a list shows target, mode, replicas, lag, readiness and age", async () => {
    const object = make({}, "table");
    await api.apply(object);
    const ready = {
      type: "Ready",
      status: "True",
      reason: "Active",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    await api.patch(
      object,
      { status: { currentReplicas: 3, desiredReplicas: 4, lagSeconds: 7, conditions: [ready] } },
      "status",
    );
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const { body } = await api.request("GET", await api.path(object), { accept });
    const names = listAt(body, "columnDefinitions").map((column) => at(column, "name"));
    expect(names).toEqual(["Name", "Target", "Mode", "Current", "Desired", "LagSec", "Ready", "Age"]);
    expect(listAt(body, "rows", 0, "cells").slice(0, 7)).toEqual(["table", "processor", "Active", 3, 4, 7, "True"]);
  });

  test("it has a short name and a category, and no scale subresource", async () => {
    const { body } = await api.request("GET", "/apis/scaling.alertcast.dev/v1alpha1");
    const resources = listAt(body, "resources");
    expect(resources.map((each) => at(each, "name")).sort()).toEqual(["lagscalers", "lagscalers/status"]);
    const plain = resources.find((each) => at(each, "name") === "lagscalers");
    expect(plain).toMatchObject({ shortNames: ["lgs"], categories: ["alertcast"], namespaced: true });
  });
});
