// Stand-ins for what a control plane alone has not got: scheduler and kubelet, and our operator. They run nothing: they only
// say in an object's status what those would say.
import { sleep } from "../../../pkg/lifecycle/sleep.ts";
import { at, type KubeObject, listAt } from "../../chart/helm.ts";
import { type KubeApi, KubeError } from "./api.ts";

const LOOK_EVERY_MS = 250;

/**
 * Marks the pods of a namespace as Running and Ready, those of Jobs as Succeeded, until it is disposed. Pods that `leaveAlone`
 * says stay Pending.
 */
export function startKubelet(
  api: KubeApi,
  namespace: string,
  leaveAlone: (pod: KubeObject) => boolean = () => false,
): AsyncDisposable {
  return repeat(async () => {
    const pods = await api.list("v1", "Pod", namespace);
    const pending = pods.filter((pod) => at(pod, "status", "phase") === "Pending" && !leaveAlone(pod));
    await Promise.all(pending.map((pod) => report(api, pod, podStatus(pod))));
  });
}

/** Accepts each LagScaler of a namespace, as the operator does when it has found the target, until it is disposed. */
export function startAccepting(api: KubeApi, namespace: string): AsyncDisposable {
  return repeat(async () => {
    for (const scaler of await api.list("scaling.alertcast.dev/v1alpha1", "LagScaler", namespace)) {
      const generation = at(scaler, "metadata", "generation");
      if (at(scaler, "status", "observedGeneration") === generation) continue;
      const ready = { type: "Ready", status: "True", reason: "Accepted", message: "", lastTransitionTime: now() };
      await report(api, scaler, { observedGeneration: generation, conditions: [ready] });
    }
  });
}

const now = () => new Date().toISOString();

function podStatus(pod: KubeObject): Readonly<Record<string, unknown>> {
  const ends = listAt(pod, "metadata", "ownerReferences").some((owner) => at(owner, "kind") === "Job");
  const ready = { status: ends ? "False" : "True", lastTransitionTime: now() };
  const state = ends ? { terminated: { exitCode: 0, finishedAt: now() } } : { running: { startedAt: now() } };
  return {
    phase: ends ? "Succeeded" : "Running",
    startTime: now(),
    conditions: [
      { type: "ContainersReady", ...ready },
      { type: "Ready", ...ready },
    ],
    containerStatuses: listAt(pod, "spec", "containers").map((container) => ({
      name: at(container, "name"),
      image: at(container, "image"),
      imageID: "",
      restartCount: 0,
      ready: !ends,
      started: !ends,
      state,
    })),
  };
}

async function report(api: KubeApi, object: KubeObject, status: unknown): Promise<void> {
  await api.patch(object, { status }, "status").catch((error: unknown) => {
    // It was deleted meanwhile.
    if (!(error instanceof KubeError && error.status === 404)) throw error;
  });
}

/** Does it again and again until disposed; the disposal rejects with what went wrong meanwhile. */
function repeat(work: () => Promise<void>): AsyncDisposable {
  const stop = new AbortController();
  const loop = async () => {
    while (!stop.signal.aborted) {
      await work().catch((error: unknown) => {
        // After a change of a CustomResourceDefinition the server asks to come again.
        if (!(error instanceof KubeError && error.status === 429)) throw error;
      });
      await sleep(LOOK_EVERY_MS, stop.signal);
    }
  };
  const outcome = loop().then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      const failed = await outcome;
      if (failed !== undefined) throw failed.error;
    },
  };
}
