// vitest's global set-up of the project `kube`: starts one control plane for all its files and ends it afterwards.
// Logs stay in .reports/kube/ until the next run.
import { mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../harness/start-services.ts";
import { KUBECONFIG_VARIABLE } from "./cluster.ts";
import { missingPrograms } from "./programs.ts";
import { startControlPlane } from "./start.ts";

const LOGS = fileURLToPath(new URL("../../../.reports/kube", import.meta.url));

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const missing = missingPrograms();
  if (missing.length > 0) {
    console.warn(`\n*** SKIPPED: the Kubernetes tests need ${missing.join(", ")}: run \`make test-kube\` ***\n`);
    return undefined;
  }
  const stack = new AsyncDisposableStack();
  try {
    const startedAtMs = performance.now();
    await rm(LOGS, { recursive: true, force: true });
    await mkdir(LOGS, { recursive: true });
    const folder = await temporaryFolder(stack, true);
    const { kubeconfig } = await startControlPlane({ folder, logs: LOGS, stack, guarded: true });
    process.env[KUBECONFIG_VARIABLE] = kubeconfig;
    console.log(`[kube] the control plane is ready after ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
  return () => stack.disposeAsync();
}
