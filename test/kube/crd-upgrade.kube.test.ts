// An upgrade of the chart and the CustomResourceDefinition of the version before: Helm leaves it, the opt-in hook brings it up to date.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { at, hasHelm, type KubeObject, listAt, MAJORS } from "../chart/helm.ts";
import { waitFor } from "../harness/wait.ts";
import { type Cluster, chartCrds, cluster, hasOtherCrds, installCrds } from "./control-plane/cluster.ts";
import { startAccepting, startKubelet } from "./control-plane/stand-ins.ts";
import { refusal, release } from "./release.ts";

const run = promisify(execFile);
const HOOK = "alertcast-crd-upgrade";
const MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

describe.skipIf(!hasHelm() || !hasOtherCrds())("the definition of an older version", () => {
  const kube = cluster();
  const { api } = kube;
  beforeAll(() => installCrds(api));

  /** The chart's definition, and one before it that knew fewer columns. */
  function definitions(): { readonly now: KubeObject; readonly old: KubeObject } {
    const [now] = chartCrds();
    if (now === undefined) throw new Error("the chart has no CRD");
    const old = structuredClone(now);
    const version = Object(at(old, "spec", "versions", 0));
    version.additionalPrinterColumns = listAt(version, "additionalPrinterColumns").slice(0, 1);
    return { now, old };
  }

  const columns = (crd: KubeObject | undefined) =>
    listAt(crd, "spec", "versions", 0, "additionalPrinterColumns").map((column) => at(column, "name"));

  test.each(MAJORS)(
    "is left alone by an upgrade with Helm %i, and changed by the hook, which may change no other",
    async (major) => {
      const { now, old } = definitions();
      await using stack = new AsyncDisposableStack();
      stack.defer(() => installCrds(api, [now]));
      const namespace = stack.use(await kube.newNamespace({ restricted: true }));
      const helm = release(kube, major, namespace.name);
      const values = ["values-kind.yaml"];
      await helm.install({ values });
      // Put there after the installation, as Helm 4 would not install over the definition of another.
      await installCrds(api, [old]);
      await helm.upgrade({ values, set: ["api.replicas=2"] });
      expect(columns(await api.get(now))).toEqual(columns(old));

      // The hook's pod is run here instead of the kubelet, which then only says that it has succeeded.
      const upgrade = helm.upgrade({ values, set: ["crds.upgradeHook.enabled=true"], args: ["--timeout", "120s"] });
      const outcome = upgrade.then(
        () => "upgraded",
        (error: unknown) => String(error),
      );
      const token = await runHook(kube, namespace.name);
      expect(columns(await api.get(now))).toEqual(columns(now));
      await expectNarrow(kube, token, now);
      stack.use(startAccepting(api, namespace.name));
      stack.use(startKubelet(api, namespace.name));
      expect(await outcome).toBe("upgraded");
      const left = await api.list("rbac.authorization.k8s.io/v1", "ClusterRole");
      expect(left.filter(({ metadata }) => metadata.name.includes("crd-upgrade"))).toEqual([]);
    },
  );
});

/** Runs the script of the hook's pod on the files of its ConfigMap, as its ServiceAccount; returns the token. */
async function runHook({ api, url, kubeconfig }: Cluster, namespace: string): Promise<string> {
  const pod = await waitFor(
    async () => (await api.list("v1", "Pod", namespace)).find(({ metadata }) => metadata.name.startsWith(HOOK)),
    { what: "the hook's pod" },
  );
  const container = at(pod, "spec", "containers", 0);
  const configMap = await api.get({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: HOOK, namespace } });
  const folder = await mkdtemp(join(tmpdir(), "alertcast-hook-"));
  try {
    for (const [name, text] of Object.entries(Object(configMap?.data)))
      await writeFile(join(folder, name), String(text));
    const token = await api.token(namespace, String(at(pod, "spec", "serviceAccountName")));
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, token);
    // What a pod finds by name lies elsewhere here.
    const [script, ...rest] = listAt(container, "args").map(String);
    const here = replaced(replaced(script ?? "", "https://kubernetes.default.svc", url), `${MOUNT}/token`, tokenFile);
    expect(rest).toEqual(["/crds"]);
    const [program, ...flags] = listAt(container, "command").map(String);
    expect(program).toBe("node");
    const ca = JSON.parse(await readFile(kubeconfig, "utf8")).clusters[0].cluster["certificate-authority"];
    await run(process.execPath, [...flags, here, folder], { env: { NODE_EXTRA_CA_CERTS: ca } });
    return token;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function replaced(text: string, from: string, to: string): string {
  expect(text).toContain(from);
  return text.replaceAll(from, to);
}

/** The hook's account may get and patch its definition, and nothing else of the kind. */
async function expectNarrow({ api }: Cluster, token: string, own: KubeObject): Promise<void> {
  const hook = api.as(token);
  expect(await hook.get(own)).toBeDefined();
  const other = { ...own, metadata: { name: "kafkas.kafka.strimzi.io" } };
  for (const refused of [
    () => hook.patch(other, { metadata: { labels: { a: "b" } } }),
    () => hook.remove(own),
    () => hook.list(own.apiVersion, own.kind),
    () => hook.list("v1", "Secret", "default"),
  ]) {
    expect((await refusal(refused())).status).toBe(403);
  }
}
