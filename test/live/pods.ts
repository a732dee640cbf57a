// A small stand-in for the kubelet: for each pod of a Deployment that the real controllers make it runs a real process, starts
// it again when it dies, and ends it when the pod is to go. Decides nothing about how many there are.
import { sleep } from "../../pkg/lifecycle/sleep.ts";
import { at } from "../chart/helm.ts";
import type { SpawnedService } from "../harness/spawn-service.ts";
import type { KubeApi } from "../kube/control-plane/api.ts";

export interface PodProcesses extends AsyncDisposable {
  /** Those that run now, by pod. */
  running(): ReadonlyMap<string, SpawnedService>;
  /** How many processes were started again after they had ended by themselves. */
  readonly restarts: number;
  /** What they logged, of the newest ones that ended by themselves. */
  readonly lastWords: readonly string[];
}

interface Options {
  readonly api: KubeApi;
  readonly namespace: string;
  /** Of the pods that are ours. */
  readonly labels: Readonly<Record<string, string>>;
  readonly start: (pod: string) => Promise<SpawnedService>;
}

const POLL_MS = 500;
const RESTART_PAUSE_MS = 1000;
const GRACE_MS = 40_000;

/** Looks twice a second; everything it started ends when it is disposed. */
export function runPods(options: Options): PodProcesses {
  const kubelet = new Kubelet(options);
  void kubelet.run();
  return kubelet;
}

class Kubelet implements PodProcesses {
  readonly #options: Options;
  readonly #pods = new Map<string, { service: SpawnedService | undefined; ending: boolean }>();
  readonly #stop = new AbortController();
  readonly lastWords: string[] = [];
  restarts = 0;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: Options) {
    this.#options = options;
  }

  running(): ReadonlyMap<string, SpawnedService> {
    return new Map([...this.#pods].flatMap(([name, { service }]) => (service === undefined ? [] : [[name, service]])));
  }

  async run(): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#ended = done.promise;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#sync();
      } catch (error) {
        if (!this.#stop.signal.aborted) console.log(`[pods] ${String(error)}`);
      }
      await sleep(POLL_MS, this.#stop.signal);
    }
    done.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    await Promise.all([...this.#pods.values()].map(({ service }) => service?.[Symbol.asyncDispose]()));
  }

  async #sync(): Promise<void> {
    const { api, namespace, labels } = this.#options;
    const seen = new Set<string>();
    for (const pod of await api.list("v1", "Pod", namespace)) {
      const own = Object.entries(labels).every(([key, value]) => at(pod, "metadata", "labels", key) === value);
      if (!own) continue;
      const { name } = pod.metadata;
      seen.add(name);
      const known = this.#pods.get(name);
      if (at(pod, "metadata", "deletionTimestamp") !== undefined) {
        if (known === undefined || !known.ending) void this.#end(name, known?.service);
      } else if (known === undefined) {
        this.#pods.set(name, { service: undefined, ending: false });
        void this.#keep(name);
      }
    }
    // A pod that is gone without a word: the API server deletes pods that no node has at once.
    for (const [name, { service, ending }] of this.#pods) {
      if (!seen.has(name) && !ending) void this.#end(name, service);
    }
  }

  async #keep(name: string): Promise<void> {
    const service = await this.#options.start(name);
    const pod = this.#pods.get(name);
    if (pod === undefined || pod.ending || this.#stop.signal.aborted) return service[Symbol.asyncDispose]();
    pod.service = service;
    await this.#report(name, true);
    await service.exited;
    if (this.#stop.signal.aborted || pod.ending) return;
    this.restarts++;
    this.lastWords.splice(0, Math.max(0, this.lastWords.length - 20));
    this.lastWords.push(`${name}: ${service.logs().slice(-2).join(" | ")}`);
    pod.service = undefined;
    await this.#report(name, false);
    await sleep(RESTART_PAUSE_MS, this.#stop.signal);
    if (this.#stop.signal.aborted) return;
    await this.#keep(name);
  }

  async #end(name: string, service: SpawnedService | undefined): Promise<void> {
    this.#pods.set(name, { service, ending: true });
    if (service !== undefined) {
      service.kill("SIGTERM");
      const timer = setTimeout(() => service.kill("SIGKILL"), GRACE_MS);
      await service.exited;
      clearTimeout(timer);
    }
    const { api, namespace } = this.#options;
    await api.request("DELETE", `/api/v1/namespaces/${namespace}/pods/${name}?gracePeriodSeconds=0`, {
      expect: [404, 409],
    });
    this.#pods.delete(name);
  }

  async #report(name: string, ready: boolean): Promise<void> {
    const { api, namespace } = this.#options;
    const status = ready ? "True" : "False";
    const conditions = ["Ready", "ContainersReady", "Initialized", "PodScheduled"].map((type) => ({ type, status }));
    await api.request("PATCH", `/api/v1/namespaces/${namespace}/pods/${name}/status`, {
      body: { status: { phase: "Running", conditions, startTime: new Date().toISOString() } },
      contentType: "application/merge-patch+json",
      expect: [404],
    });
  }
}
