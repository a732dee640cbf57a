// Runs the set-up program as its Job would in the cluster: with the Job's environment and a token of its ServiceAccount. There is
// no database, so it is ended once it has made its Secrets.
import { writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { at, isRecord, listAt } from "../chart/helm.ts";
import { spawnService } from "../harness/spawn-service.ts";
import type { Cluster } from "./control-plane/cluster.ts";

/** What it did with each Secret of the namespace's set-up Job: "made" or "kept". */
export async function runSetup(kube: Cluster, namespace: string): Promise<Record<string, unknown>> {
  const jobs = await kube.api.list("batch/v1", "Job", namespace);
  const pod = at(jobs.at(0), "spec", "template", "spec");
  const entries = listAt(pod, "containers", 0, "env").map((entry) => [at(entry, "name"), String(at(entry, "value"))]);
  const env: Record<string, string> = Object.fromEntries(entries);
  const names = Object.keys(Object(JSON.parse(env.SETUP_SECRETS ?? "{}")));
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "alertcast-setup-"));
  stack.defer(() => rm(folder, { recursive: true }));
  const token = await kube.api.token(namespace, String(at(pod, "serviceAccountName")));
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, await inCluster(kube, namespace, token));
  const program = { entry: "cmd/setup/main.ts", name: "setup", env: { ...env, KUBECONFIG: kubeconfig } };
  const setup = stack.use(await spawnService(program));
  const outcomes: Record<string, unknown> = {};
  for (const name of names) {
    outcomes[name] = at(parse(await setup.waitForLog((line) => parse(line)?.secret === name)), "outcome");
  }
  return outcomes;
}

function parse(line: string): Record<string, unknown> | undefined {
  const value: unknown = line.startsWith("{") ? JSON.parse(line) : undefined;
  return isRecord(value) ? value : undefined;
}

/** A kubeconfig of one ServiceAccount's token, as a pod of that account has it. */
async function inCluster({ kubeconfig }: Cluster, namespace: string, token: string): Promise<string> {
  const config = JSON.parse(await readFile(kubeconfig, "utf8"));
  return JSON.stringify({
    ...config,
    users: [{ name: "pod", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "pod", namespace } }],
  });
}
