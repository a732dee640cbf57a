// The real operator against a real API server, with the chart's rights and no Kafka (tests 10, 15 and 16 of the list).
// A fallback for an unreachable source makes it scale all the same.
import { beforeAll, describe, expect, test } from "vitest";
import { at, hasHelm, type KubeObject, listAt } from "../chart/helm.ts";
import { waitFor } from "../harness/wait.ts";
import { chartCrds, cluster, condition, installCrds, isTrue, type TestNamespace } from "./control-plane/cluster.ts";
import { newDeployment, newLagScaler } from "./lag-scaler.ts";
import { grantRights, OPERATOR, operatorRights, type RunningOperator, startOperator, TARGET } from "./operator.ts";
import { ownersOfReplicas } from "./release.ts";

const FALLBACK = { policy: "AtLeast", afterSeconds: 0, replicas: 4 };
/** Two looks and a slow machine. */
const DEADLINE_MS = 120_000;

describe.skipIf(!hasHelm())("the operator", () => {
  const kube = cluster();
  const { api } = kube;
  let rights: KubeObject[];
  beforeAll(async () => {
    await installCrds(api, chartCrds());
    rights = await operatorRights();
  });

  interface Room extends AsyncDisposable {
    readonly namespace: string;
    readonly scaler: KubeObject;
    readonly deployment: KubeObject;
    operator(pod: string): Promise<RunningOperator>;
    status(): Promise<unknown>;
    replicas(): Promise<unknown>;
    /** Resolves when the condition has this status and reason. */
    become(type: string, status: string, reason: string): Promise<unknown>;
    toScaleTo(replicas: number): Promise<unknown>;
    until<T>(what: string, come: () => Promise<T>): Promise<NonNullable<T>>;
    events(reason: string): Promise<KubeObject[]>;
    lease(): Promise<KubeObject | undefined>;
  }

  /** A namespace with the operator's rights, a Deployment with one replica and a LagScaler that wants at least four. */
  async function newRoom(spec: object = {}, without?: number): Promise<Room> {
    await using stack = new AsyncDisposableStack();
    const { name: namespace }: TestNamespace = stack.use(await kube.newNamespace());
    await grantRights(kube, namespace, rights, without);
    const deployment = newDeployment(namespace, TARGET, 1);
    const scaler = newLagScaler(namespace, "demo", { targetRef: { name: TARGET }, onSourceFailure: FALLBACK, ...spec });
    await api.apply(deployment);
    await api.apply(scaler);
    const status = async () => at(await api.get(scaler), "status");
    const replicas = async () => at(await api.get(deployment), "spec", "replicas");
    const owned = stack.move();
    const operators: RunningOperator[] = [];
    /** As waitFor; what the operators said is part of the error. */
    const until: Room["until"] = async (what, come) => {
      try {
        return await waitFor(come, { what, deadlineMs: DEADLINE_MS });
      } catch (error) {
        const lines = operators.flatMap(({ service }) => service.logs().slice(-15));
        throw new Error([String(error), ...lines].join("\n"), { cause: error });
      }
    };
    return {
      namespace,
      scaler,
      deployment,
      until,
      operator: async (pod) => {
        const operator = owned.use(await startOperator(kube, namespace, pod));
        operators.push(operator);
        return operator;
      },
      status,
      replicas,
      become: (type, wanted, reason) =>
        until(`${type} to be ${wanted} with ${reason}`, async () => {
          const found = condition(await api.get(scaler), type);
          return at(found, "status") === wanted && at(found, "reason") === reason && { found };
        }),
      toScaleTo: (n) => until(`${n} replicas`, async () => (await replicas()) === n),
      events: async (reason) =>
        (await api.list("events.k8s.io/v1", "Event", namespace)).filter((event) => event.reason === reason),
      lease: () =>
        api.get({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: OPERATOR, namespace } }),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  const logged = ({ service }: RunningOperator, words: string) => service.logs().some((line) => line.includes(words));

  test("scales with the chart's rights, says so everywhere, and is refused nothing", async () => {
    await using room = await newRoom();
    const operator = await room.operator("only");
    await room.toScaleTo(4);
    expect(ownersOfReplicas(Object(await api.get(room.deployment)))).toEqual(["alertcast-operator"]);
    await room.become("Ready", "True", "Active");
    await room.become("SourceReachable", "False", "SourceUnreachable");
    await room.become("Conflicted", "False", "SoleWriter");
    const scaler = await api.get(room.scaler);
    expect(scaler?.status).toMatchObject({
      observedGeneration: at(scaler, "metadata", "generation"),
      currentReplicas: 4,
      desiredReplicas: 4,
      memory: expect.stringContaining('"scaler"'),
      lastScaleTime: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(at(scaler, "metadata", "finalizers")).toBeUndefined();
    const [scaled] = await room.events("ScaledUp");
    expect(scaled).toMatchObject({
      type: "Normal",
      regarding: { kind: "LagScaler", name: "demo" },
      related: { name: TARGET },
    });
    await room.until("the event", async () => (await room.events("SourceUnreachable")).length > 0);
    expect((await fetch(`${operator.url}/livez`)).status).toBe(200);
    await room.until("readiness", async () => (await fetch(`${operator.url}/readyz`)).ok);
    const metrics = await (await fetch(`${operator.url}/metrics`)).text();
    expect(metrics).toContain("alertcast_scaler_is_leader 1");
    expect(metrics).toContain('alertcast_scaler_desired_replicas{scaler="demo"} 4');

    await api.remove(room.scaler);
    await room.until("the numbers of a deleted LagScaler to go", async () => {
      return !(await (await fetch(`${operator.url}/metrics`)).text()).includes('scaler="demo"');
    });
    expect(await room.replicas()).toBe(4);
    expect(await api.get(room.scaler)).toBeUndefined();
    expect(logged(operator, ": 403 ")).toBe(false);

    operator.service.kill("SIGTERM");
    expect((await operator.service.exited).code).toBe(0);
    expect(at(await room.lease(), "spec", "holderIdentity") ?? "").toBe("");
  });

  test("may do what its rules say and nothing else", async () => {
    await using room = await newRoom();
    const { namespace } = room;
    const may = async (verb: string, resource: string, name = "", where = namespace) => {
      const [path = "", subresource = ""] = resource.split("/");
      const [group = "", plural = ""] = path.includes(":") ? path.split(":") : ["", path];
      const body = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: {
          user: `system:serviceaccount:${namespace}:${OPERATOR}`,
          groups: ["system:serviceaccounts", "system:authenticated"],
          resourceAttributes: { verb, group, resource: plural, subresource, name, namespace: where },
        },
      };
      const path_ = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
      return at((await api.request("POST", path_, { body })).body, "status", "allowed") === true;
    };
    const allowed: [string, string, string?][] = [
      ["list", "scaling.alertcast.dev:lagscalers"],
      ["watch", "scaling.alertcast.dev:lagscalers"],
      ["patch", "scaling.alertcast.dev:lagscalers/status", "demo"],
      ["get", "apps:deployments", TARGET],
      ["get", "apps:deployments/scale", TARGET],
      ["patch", "apps:deployments/scale", TARGET],
      ["list", "autoscaling:horizontalpodautoscalers"],
      ["create", "events.k8s.io:events"],
      ["patch", "events.k8s.io:events", "any"],
      ["create", "coordination.k8s.io:leases"],
      ["get", "coordination.k8s.io:leases", OPERATOR],
      ["update", "coordination.k8s.io:leases", OPERATOR],
    ];
    const forbidden: [string, string, string?][] = [
      ["get", ":secrets", "any"],
      ["list", ":secrets"],
      ["create", ":pods/exec", "any"],
      ["patch", "apps:deployments", TARGET],
      ["update", "apps:deployments/scale", TARGET],
      ["patch", "apps:deployments/scale", "another"],
      ["patch", "scaling.alertcast.dev:lagscalers", "demo"],
      ["delete", "scaling.alertcast.dev:lagscalers", "demo"],
      ["update", "coordination.k8s.io:leases", "another"],
      ["delete", "coordination.k8s.io:leases", OPERATOR],
      ["create", "autoscaling:horizontalpodautoscalers"],
    ];
    for (const [verb, resource, name] of allowed)
      expect([verb, resource, await may(verb, resource, name)]).toContain(true);
    for (const [verb, resource, name] of forbidden) {
      expect([verb, resource, await may(verb, resource, name)]).toContain(false);
    }
    for (const [verb, resource, name] of allowed) {
      expect([verb, resource, "elsewhere", await may(verb, resource, name, "default")]).toContain(false);
    }
  });

  test("every rule is needed: without one of them something is refused", async () => {
    const rules = rights.flatMap((object) => (Array.isArray(object.rules) ? object.rules : []));
    expect(rules.length).toBeGreaterThan(5);
    for (const [i, rule] of rules.entries()) {
      await using room = await newRoom({}, i);
      const operator = await room.operator(`without-${i}`);
      const line = await operator.service.waitForLog(": 403 ", { deadlineMs: DEADLINE_MS });
      expect(line).toContain(at(rule, "resources", 0));
    }
  });

  test("when the leader is killed the other takes over after its Lease has run out, and remembers", async () => {
    await using room = await newRoom();
    const first = await room.operator("first");
    await first.service.waitForLog('"leading"');
    const second = await room.operator("second");
    await second.service.waitForLog("operator started");
    await room.toScaleTo(4);
    await room.until("the status", async () => at(await room.status(), "currentReplicas") === 4);
    const before = await room.status();
    expect(logged(second, '"leading"')).toBe(false);
    first.service.kill("SIGKILL");
    await first.service.exited;
    const renewedAtMs = Date.parse(String(at(await room.lease(), "spec", "renewTime")));
    await second.service.waitForLog('"leading"');
    const lease = await room.lease();
    expect(at(lease, "spec", "holderIdentity")).toMatch(/^second_/);
    expect(at(lease, "spec", "leaseTransitions")).toBe(1);
    const afterMs = Date.parse(String(at(lease, "spec", "acquireTime"))) - renewedAtMs;
    // 15 s and one try of 2 s; the upper bound leaves room for a machine that stands still.
    expect(afterMs).toBeGreaterThan(14_900);
    expect(afterMs).toBeLessThan(30_000);
    console.log(`[kube] the second operator led ${(afterMs / 1000).toFixed(1)} s after the first had renewed`);
    await room.until("the second to have looked", async () => {
      const metrics = await (await fetch(`${second.url}/metrics`)).text();
      return metrics.includes('alertcast_scaler_decisions_total{direction="none",reason="blind"}');
    });
    const after = await room.status();
    expect(at(after, "lastScaleTime")).toBe(at(before, "lastScaleTime"));
    const since = (status: unknown) => listAt(status, "conditions").map((each) => at(each, "lastTransitionTime"));
    expect(since(after)).toEqual(since(before));
    expect(await room.events("SourceUnreachable")).toHaveLength(1);
  });

  test("a leader that stood still while another took over writes nothing when it goes on, and ends", async () => {
    await using room = await newRoom();
    const first = await room.operator("first");
    await room.toScaleTo(4);
    first.service.kill("SIGSTOP");
    const second = await room.operator("second");
    await second.service.waitForLog('"leading"', { deadlineMs: DEADLINE_MS });
    await api.patch(room.scaler, { spec: { onSourceFailure: { replicas: 6 } } });
    await room.toScaleTo(6);
    first.service.kill("SIGCONT");
    const exit = await first.service.exited;
    expect(exit.code).toBe(1);
    expect(logged(first, "the Lease is lost")).toBe(true);
    expect(at(await room.lease(), "spec", "holderIdentity")).toMatch(/^second_/);
    expect(await room.replicas()).toBe(6);
    const instances = (await room.events("ScaledUp")).map((event) => String(event.reportingInstance).split("_")[0]);
    expect(instances.sort()).toEqual(["first", "second"]);
  });

  test("a HorizontalPodAutoscaler on the target is a conflict, for as long as it is there", async () => {
    await using room = await newRoom();
    const autoscaler: KubeObject = {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "rival", namespace: room.namespace },
      spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: TARGET }, maxReplicas: 2 },
    };
    await api.apply(autoscaler);
    await room.operator("only");
    await room.become("Conflicted", "True", "HorizontalPodAutoscaler");
    await room.become("Ready", "True", "Active");
    expect(at(await room.status(), "desiredReplicas")).toBe(4);
    expect(await room.replicas()).toBe(1);
    const [conflict] = await room.events("Conflict");
    expect(conflict?.note).toContain("HorizontalPodAutoscaler rival");
    await api.remove(autoscaler);
    await room.become("Conflicted", "False", "SoleWriter");
    await room.toScaleTo(4);
  });

  test("a number that somebody else wrote is left alone until the LagScaler is edited", async () => {
    await using room = await newRoom();
    await room.operator("only");
    await room.toScaleTo(4);
    await room.until("the status", async () => at(await room.status(), "currentReplicas") === 4);
    await api.patch(room.deployment, { spec: { replicas: 2 } }, "scale");
    const { found } = Object(await room.become("Conflicted", "True", "ForeignWriter"));
    expect(at(found, "message")).toContain("set the replicas to 2");
    expect(await room.replicas()).toBe(2);
    await api.patch(room.scaler, { spec: { maxReplicas: 23 } });
    await room.become("Conflicted", "False", "SoleWriter");
    await room.toScaleTo(4);
  });

  test("a Deployment that was scaled to 0 stays there until it is given a number", async () => {
    await using room = await newRoom();
    await api.patch(room.deployment, { spec: { replicas: 0 } }, "scale");
    await room.operator("only");
    await room.become("Conflicted", "True", "ScaledToZero");
    expect(await room.replicas()).toBe(0);
    await api.patch(room.deployment, { spec: { replicas: 2 } }, "scale");
    await room.toScaleTo(4);
  });

  test("in a dry run it decides and writes nothing; paused it decides nothing; either way it is ready", async () => {
    await using room = await newRoom({ mode: "DryRun" });
    await room.operator("only");
    await room.become("Ready", "True", "DryRun");
    expect(await room.status()).toMatchObject({
      desiredReplicas: 4,
      currentReplicas: 1,
      decision: { reason: "Fallback" },
    });
    expect(await room.replicas()).toBe(1);
    await api.patch(room.scaler, { spec: { mode: "Paused" } });
    await room.become("Ready", "True", "Paused");
    await room.become("SourceReachable", "Unknown", "Paused");
    expect(at(await room.status(), "desiredReplicas")).toBeUndefined();
    await api.patch(room.scaler, { spec: { mode: "Active" } });
    await room.toScaleTo(4);
  });

  test("without its target it is not ready, and is as soon as there is one", async () => {
    await using room = await newRoom();
    await api.remove(room.deployment);
    await room.operator("only");
    await room.become("Ready", "False", "TargetNotFound");
    await api.apply(newDeployment(room.namespace, TARGET, 1));
    await room.become("Ready", "True", "Active");
    await room.toScaleTo(4);
  });

  test("of two LagScalers for one target the younger gives way", async () => {
    await using room = await newRoom();
    const younger = newLagScaler(room.namespace, "younger", {
      targetRef: { name: TARGET },
      onSourceFailure: { ...FALLBACK, replicas: 9 },
    });
    await api.apply(younger);
    await room.operator("only");
    await room.until("the conflict", async () => isTrue(await api.get(younger), "Conflicted"));
    await room.toScaleTo(4);
    await room.become("Conflicted", "False", "SoleWriter");
  });

  test("an older definition of LagScaler is named in the log and in an event, and scaling goes on", async () => {
    const [crd] = chartCrds();
    if (crd === undefined) throw new Error("the chart brings no definition");
    const old = structuredClone(crd);
    const schema = at(old, "spec", "versions", 0, "schema", "openAPIV3Schema", "properties", "status", "properties");
    delete Object(schema).memory;
    await using room = await newRoom();
    await api.apply(old);
    try {
      const served = async () =>
        JSON.stringify((await api.request("GET", "/openapi/v3/apis/scaling.alertcast.dev/v1alpha1")).body);
      await room.until("the older schema", async () => !(await served()).includes('"memory"'));
      const operator = await room.operator("only");
      expect(await operator.service.waitForLog("CRD too old")).toContain("status.memory");
      await room.until("the event", async () => (await room.events("CRDTooOld")).length > 0);
      await room.toScaleTo(4);
      await room.become("Ready", "True", "Active");
    } finally {
      await installCrds(api, chartCrds());
    }
  });
});
