// Runs Helm 3 or Helm 4 against the control plane: one release in one namespace. Decides nothing about the chart.
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { at, CHART, helmProgram, isRecord, type KubeObject, type Major } from "../chart/helm.ts";
import { KubeError } from "./control-plane/api.ts";
import type { Cluster } from "./control-plane/cluster.ts";

const run = promisify(execFile);
const LONGEST_OUTPUT_BYTES = 64 * 1024 * 1024;
export const RELEASE = "alertcast";

/** What of the chart and its values goes into an installation or upgrade. */
export interface Input {
  readonly chart?: string;
  /** Files of values, relative to the chart. */
  readonly values?: readonly string[];
  /** `key=value` each. */
  readonly set?: readonly string[];
  /** Further arguments, such as --wait. */
  readonly args?: readonly string[];
}

export interface Release {
  readonly namespace: string;
  /** Each resolves to what Helm said on stderr (warnings of the API server are there), and rejects with that. */
  install(input: Input): Promise<string>;
  upgrade(input: Input): Promise<string>;
  rollback(revision: number, args?: readonly string[]): Promise<string>;
  uninstall(args?: readonly string[]): Promise<string>;
}

/** The release `alertcast` in a namespace that is there. */
export function release({ kubeconfig }: Cluster, major: Major, namespace: string): Release {
  // Its caches (what the server offers among them) live as long as the control plane.
  const home = join(dirname(kubeconfig), `helm${major}`);
  const env = { PATH: process.env.PATH, HOME: home, KUBECONFIG: kubeconfig };
  const helm = async (...args: readonly string[]) => {
    try {
      const options = { env, maxBuffer: LONGEST_OUTPUT_BYTES };
      return (await run(helmProgram(major), [...args, "--namespace", namespace], options)).stderr;
    } catch (error) {
      if (error instanceof Error && "stderr" in error) throw new Error(String(error.stderr), { cause: error });
      throw error;
    }
  };
  const put = (verb: "install" | "upgrade", { chart = CHART, values = [], set = [], args = [] }: Input) => {
    const files = values.flatMap((file) => ["--values", join(CHART, file)]);
    return helm(verb, RELEASE, chart, ...files, ...set.flatMap((pair) => ["--set", pair]), ...args);
  };
  return {
    namespace,
    install: (input) => put("install", input),
    upgrade: (input) => put("upgrade", input),
    rollback: (revision, args = []) => helm("rollback", RELEASE, String(revision), ...args),
    uninstall: (args = []) => helm("uninstall", RELEASE, ...args),
  };
}

/** A copy of the chart with version and appVersion raised, and nothing else, in a folder that goes when it is disposed. */
export function chartOf(version: string): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "alertcast-chart-"));
  cpSync(CHART, path, { recursive: true });
  const file = join(path, "Chart.yaml");
  const text = readFileSync(file, "utf8")
    .replace(/^version: .*$/m, `version: ${version}`)
    .replace(/^appVersion: .*$/m, `appVersion: "${version}"`);
  writeFileSync(file, text);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** Pods are made from these kinds. */
export const WORKLOADS = [
  ["apps/v1", "Deployment"],
  ["apps/v1", "ReplicaSet"],
  ["apps/v1", "StatefulSet"],
  ["batch/v1", "Job"],
] as const;

const OWN_KINDS = [
  ...WORKLOADS,
  ["v1", "Pod"],
  ["v1", "Service"],
  ["v1", "Secret"],
  ["v1", "ConfigMap"],
  ["v1", "ServiceAccount"],
  ["v1", "PersistentVolumeClaim"],
  ["policy/v1", "PodDisruptionBudget"],
  ["autoscaling/v2", "HorizontalPodAutoscaler"],
  ["networking.k8s.io/v1", "NetworkPolicy"],
  ["networking.k8s.io/v1", "Ingress"],
  ["rbac.authorization.k8s.io/v1", "Role"],
  ["rbac.authorization.k8s.io/v1", "RoleBinding"],
  ["kafka.strimzi.io/v1", "Kafka"],
  ["kafka.strimzi.io/v1", "KafkaNodePool"],
  ["kafka.strimzi.io/v1", "KafkaTopic"],
  ["kafka.strimzi.io/v1", "KafkaUser"],
  ["monitoring.coreos.com/v1", "PodMonitor"],
  ["monitoring.coreos.com/v1", "PrometheusRule"],
  ["scaling.alertcast.dev/v1alpha1", "LagScaler"],
] as const;

/** Everything in a namespace that the namespace itself did not bring, as `Kind name`, sorted. */
export async function contents({ api }: Cluster, namespace: string): Promise<string[]> {
  const lists = await Promise.all(OWN_KINDS.map(([apiVersion, kind]) => api.list(apiVersion, kind, namespace)));
  return lists
    .flat()
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    .filter((name) => !["ConfigMap kube-root-ca.crt", "ServiceAccount default"].includes(name))
    .sort();
}

/** Who writes `spec.replicas` of an object, by its managed fields. */
export function ownersOfReplicas(object: KubeObject): string[] {
  const fields = at(object, "metadata", "managedFields");
  if (!Array.isArray(fields)) throw new Error(`${object.kind} ${object.metadata.name} has no managed fields`);
  return fields
    .filter(
      (entry) =>
        isRecord(at(entry, "fieldsV1", "f:spec")) && at(entry, "fieldsV1", "f:spec", "f:replicas") !== undefined,
    )
    .map((entry) => String(at(entry, "manager")));
}

/** Evicts a pod as a drain does; returns the status: 201, or 429 when a disruption budget forbids it. */
export async function evict({ api }: Cluster, namespace: string, pod: string): Promise<number> {
  const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace } };
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`;
  return (await api.request("POST", path, { body, expect: [429] })).status;
}

/** The status of a refusal; anything else is thrown. */
export async function refusal(work: Promise<unknown>): Promise<KubeError> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof KubeError) return outcome;
  throw outcome ?? new Error("it was not refused");
}
