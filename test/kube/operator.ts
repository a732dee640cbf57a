// Runs the real operator as its pod would run: with a token of its ServiceAccount and the rights that the chart gives it.
import { writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type KubeObject, render } from "../chart/helm.ts";
import { freePort } from "../harness/port.ts";
import { type SpawnedService, spawnService } from "../harness/spawn-service.ts";
import type { Cluster } from "./control-plane/cluster.ts";

/** Name of ServiceAccount, Role, RoleBinding and Lease in the chart's release `alertcast`. */
export const OPERATOR = "alertcast-operator";
/** The Deployment that the chart's Role lets the operator scale. */
export const TARGET = "alertcast-processor";

const RBAC = ["ServiceAccount", "Role", "RoleBinding"];

/** The chart's rules for the operator. */
export async function operatorRights(): Promise<KubeObject[]> {
  const objects = await render();
  return objects.filter(({ kind, metadata }) => RBAC.includes(kind) && metadata.name === OPERATOR);
}

/** Gives a namespace the operator's ServiceAccount and rights, less the rule with this index. */
export async function grantRights(
  { api }: Cluster,
  namespace: string,
  rights: readonly KubeObject[],
  without?: number,
): Promise<void> {
  for (const object of rights) {
    const rules = Array.isArray(object.rules) ? { rules: object.rules.filter((_, i) => i !== without) } : {};
    const subjects = Array.isArray(object.subjects)
      ? { subjects: object.subjects.map((subject) => ({ ...Object(subject), namespace })) }
      : {};
    await api.apply({ ...object, ...rules, ...subjects, metadata: { ...object.metadata, namespace } });
  }
}

export interface RunningOperator extends AsyncDisposable {
  readonly service: SpawnedService;
  /** Of /livez, /readyz and /metrics. */
  readonly url: string;
}

/** Starts one; it is killed when disposed. */
export async function startOperator(kube: Cluster, namespace: string, pod: string): Promise<RunningOperator> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "alertcast-operator-"));
  stack.defer(() => rm(folder, { recursive: true }));
  const kubeconfig = join(folder, "kubeconfig");
  const admin = JSON.parse(await readFile(kube.kubeconfig, "utf8"));
  const token = await kube.api.token(namespace, OPERATOR);
  const context = { name: "pod", context: { cluster: admin.clusters[0].name, user: "pod", namespace } };
  const config = { ...admin, users: [{ name: "pod", user: { token } }], contexts: [context], "current-context": "pod" };
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  const port = await freePort();
  const env = {
    KUBECONFIG: kubeconfig,
    OPERATOR_NAMESPACE: namespace,
    OPERATOR_LEASE: OPERATOR,
    POD_NAME: pod,
    METRICS_PORT: String(port),
  };
  const service = stack.use(await spawnService({ name: pod, entry: "cmd/operator/main.ts", env }));
  const owned = stack.move();
  return { service, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
