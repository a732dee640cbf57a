// The control plane that global-setup.ts has started, as the tests see it: namespaces of their own and custom resources.
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { at, CHART, type KubeObject, listAt, parseObjects } from "../../chart/helm.ts";
import { waitFor } from "../../harness/wait.ts";
import { KubeApi } from "./api.ts";

/** The environment variable with the path of the administrator's kubeconfig; global-setup.ts sets it. */
export const KUBECONFIG_VARIABLE = "ALERTCAST_TEST_KUBECONFIG";

/** CRDs of other projects are test data beside the checkout; a plain clone has none. */
const OTHERS = new URL("../../../../shared/crds/", import.meta.url).pathname;
const OTHER_FOLDERS = ["strimzi", "monitoring"] as const;
/** The labels that make a namespace refuse what is not restricted, and say so. */
export const RESTRICTED = {
  "pod-security.kubernetes.io/enforce": "restricted",
  "pod-security.kubernetes.io/warn": "restricted",
};

export interface Cluster {
  readonly url: string;
  readonly kubeconfig: string;
  /** As the administrator. */
  readonly api: KubeApi;
  /** Resolves when pods can be made in it. Its disposal deletes it, and does not wait until it is gone. */
  newNamespace(options?: { restricted?: boolean }): Promise<TestNamespace>;
}

export interface TestNamespace extends AsyncDisposable {
  readonly name: string;
}

/** Throws where global-setup.ts has started nothing. */
export function cluster(): Cluster {
  const kubeconfig = process.env[KUBECONFIG_VARIABLE];
  if (!kubeconfig)
    throw new Error(`${KUBECONFIG_VARIABLE} is not set: tests of the control plane are files named *.kube.test.ts`);
  const config: unknown = JSON.parse(readFileSync(kubeconfig, "utf8"));
  const url = String(at(config, "clusters", 0, "cluster", "server"));
  const ca = readFileSync(String(at(config, "clusters", 0, "cluster", "certificate-authority")), "utf8");
  const api = new KubeApi({ url, token: String(at(config, "users", 0, "user", "token")), ca });
  return { url, kubeconfig, api, newNamespace: (options) => newNamespace(api, options?.restricted === true) };
}

async function newNamespace(api: KubeApi, restricted: boolean): Promise<TestNamespace> {
  const name = `test-${randomBytes(4).toString("hex")}`;
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: restricted ? RESTRICTED : {} } };
  await api.apply(namespace);
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: name } };
  await waitFor(() => api.get(account), { what: `the default ServiceAccount of ${name}` });
  return { name, [Symbol.asyncDispose]: () => api.remove(namespace) };
}

/** The CustomResourceDefinitions of a folder; none where there is no such folder. */
export function readCrds(folder: string): KubeObject[] {
  try {
    const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
    return files.sort().flatMap((name) => parseObjects(readFileSync(`${folder}/${name}`, "utf8")));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

export const chartCrds = (): KubeObject[] => readCrds(`${CHART}/crds`);
export const strimziCrds = (): KubeObject[] => readCrds(`${OTHERS}/strimzi`);

/** The CRDs of Strimzi and of Prometheus' operator are there; without them the caller skips, loudly. */
export function hasOtherCrds(): boolean {
  const complete = OTHER_FOLDERS.every((folder) => readCrds(`${OTHERS}/${folder}`).length > 0);
  if (!complete) console.warn("SKIPPED: the CRDs of Strimzi and Prometheus' operator are not beside this checkout");
  return complete;
}

/** Puts the chart's CRD and those of Strimzi and Prometheus' operator (unless told which) there; resolves when all are served. */
export async function installCrds(
  api: KubeApi,
  crds: readonly KubeObject[] = [...chartCrds(), ...OTHER_FOLDERS.flatMap((folder) => readCrds(`${OTHERS}/${folder}`))],
): Promise<void> {
  for (const crd of crds) await api.apply(crd);
  for (const crd of crds) {
    const name = crd.metadata.name;
    await waitFor(async () => isTrue(await api.get(crd), "Established"), { what: `${name} to be established` });
    // Established is not yet served: its storage is made on the first request.
    const version = `${at(crd, "spec", "group")}/${at(crd, "spec", "versions", 0, "name")}`;
    const kind = String(at(crd, "spec", "names", "kind"));
    await waitFor(() => api.list(version, kind, "default"), { what: `${name} to be served` });
  }
}

/** The condition of this type has status True. */
export function isTrue(object: KubeObject | undefined, type: string): boolean {
  return at(condition(object, type), "status") === "True";
}

/** The object's condition of this type; undefined when it has none. */
export function condition(object: KubeObject | undefined, type: string): unknown {
  return listAt(object, "status", "conditions").find((entry) => at(entry, "type") === type);
}
