// Starts a real Kubernetes control plane for tests: etcd, kube-apiserver, kube-controller-manager. No kubelet, no scheduler.
//
// How a test uses it. Name the file `test/kube/<name>.kube.test.ts`: vitest's project `kube` starts one control plane for all of
// them (global-setup.ts) and runs them one after another. The programs' logs are in .reports/kube/. In the test:
//   const kube = cluster();                                 cluster.ts: {url, kubeconfig, api}, as the administrator
//   await installCrds(kube.api);                            the chart's own, Strimzi's, Prometheus' operator's
//   await using namespace = await kube.newNamespace();      {name}; {restricted: true} turns Pod Security on
//   await using kubelet = startKubelet(kube.api, namespace.name);   stand-ins.ts: pods become Ready, those of Jobs succeed
//   const helm = release(kube, 4, namespace.name);          ../release.ts: install, upgrade, rollback, uninstall
// `kubeconfig` is a file, for Helm and @kubernetes/client-node; `api` (api.ts) applies, gets, lists, patches, removes, makes a
// token of a ServiceAccount (`token`), speaks as somebody else (`as`) and shows statuses and warnings (`request`).
// Without the stand-in pods stay Pending; another stand-in may start real processes for them.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeAuthority } from "../../harness/authority.ts";
import { freePort } from "../../harness/port.ts";
import { ServerProcess, type StartOptions } from "../../harness/server-process.ts";
import { waitFor } from "../../harness/wait.ts";
import { KubeApi } from "./api.ts";
import { programPath } from "./programs.ts";

/** Generous: three large programs start on a machine that may be busy. */
const READY_DEADLINE_MS = 240_000;
const SERVICE_IPS = "10.96.0.0/16";

export interface ControlPlaneOptions extends StartOptions {
  /** The folder of the programs' logs. */
  readonly logs: string;
}

export interface ControlPlane {
  readonly url: string;
  /** The certificate of the authority that signed the API server's. */
  readonly caFile: string;
  /** A kubeconfig file of the administrator (group system:masters). */
  readonly kubeconfig: string;
}

interface Files {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly accountKey: string;
  readonly accountPublicKey: string;
  readonly tokens: string;
}

/** Starts all three; resolves when namespaces get their default ServiceAccount, so that pods can be made. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  await mkdir(options.folder, { recursive: true });
  const tokens = { admin: token(), controllers: token() };
  const files = await writeFiles(options.folder, tokens);
  const etcd = await startEtcd(options);
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const api = new KubeApi({ url, token: tokens.admin, ca: await readFile(files.caFile, "utf8") });
  await start(options, "kube-apiserver", apiServerFlags(port, etcd, files), () => api.request("GET", "/readyz"));
  const controllers = await writeKubeconfig(options.folder, "controllers", url, files.caFile, tokens.controllers);
  await start(options, "kube-controller-manager", controllerFlags(controllers, files), async () => {
    await api.request("GET", "/api/v1/namespaces/default/serviceaccounts/default");
    await api.request("GET", "/api/v1/namespaces/default/configmaps/kube-root-ca.crt");
  });
  const kubeconfig = await writeKubeconfig(options.folder, "admin", url, files.caFile, tokens.admin);
  return { url, caFile: files.caFile, kubeconfig };
}

const token = () => randomBytes(24).toString("hex");

async function writeFiles(folder: string, tokens: { admin: string; controllers: string }): Promise<Files> {
  const authority = await makeAuthority(folder);
  const names = ["IP:127.0.0.1", "IP:10.96.0.1", "DNS:localhost", "DNS:kubernetes.default.svc"];
  const { certFile, keyFile } = await authority.issue("kube-apiserver", names);
  const pair = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const accountKey = join(folder, "service-accounts.key");
  const accountPublicKey = join(folder, "service-accounts.pub");
  const tokenFile = join(folder, "tokens.csv");
  await writeFile(accountKey, pair.privateKey, { mode: 0o600 });
  await writeFile(accountPublicKey, pair.publicKey);
  const lines = [
    `${tokens.admin},admin,admin,"system:masters"`,
    `${tokens.controllers},system:kube-controller-manager,controllers`,
  ];
  await writeFile(tokenFile, `${lines.join("\n")}\n`, { mode: 0o600 });
  return { caFile: authority.caFile, certFile, keyFile, accountKey, accountPublicKey, tokens: tokenFile };
}

async function writeKubeconfig(folder: string, name: string, url: string, caFile: string, bearer: string) {
  const path = join(folder, `${name}.kubeconfig`);
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server: url, "certificate-authority": caFile } }],
    users: [{ name, user: { token: bearer } }],
    contexts: [{ name: "test", context: { cluster: "test", user: name } }],
    "current-context": "test",
  };
  // JSON is YAML.
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

async function startEtcd(options: ControlPlaneOptions): Promise<string> {
  const [client, peer] = [await freePort(), await freePort()];
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const flags = {
    "data-dir": join(options.folder, "etcd"),
    "listen-client-urls": clientUrl,
    "advertise-client-urls": clientUrl,
    "listen-peer-urls": peerUrl,
    "initial-advertise-peer-urls": peerUrl,
    "initial-cluster": `default=${peerUrl}`,
    // Nothing has to survive a power cut.
    "unsafe-no-fsync": "true",
    "log-level": "warn",
  };
  await start(options, "etcd", flags, async () => {
    const { ok } = await fetch(`${clientUrl}/health`);
    if (!ok) throw new Error("etcd is not healthy yet");
  });
  return clientUrl;
}

type Flags = Readonly<Record<string, string>>;

function apiServerFlags(port: number, etcd: string, files: Files): Flags {
  return {
    "etcd-servers": etcd,
    "bind-address": "127.0.0.1",
    "secure-port": String(port),
    "tls-cert-file": files.certFile,
    "tls-private-key-file": files.keyFile,
    "authorization-mode": "RBAC",
    "token-auth-file": files.tokens,
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-key-file": files.accountPublicKey,
    "service-account-signing-key-file": files.accountKey,
    "service-cluster-ip-range": SERVICE_IPS,
    // The Service `kubernetes` cannot have a loopback address as its endpoint, and nobody here goes through it.
    "endpoint-reconciler-type": "none",
    "enable-priority-and-fairness": "false",
    profiling: "false",
  };
}

function controllerFlags(kubeconfig: string, files: Files): Flags {
  return {
    kubeconfig,
    "use-service-account-credentials": "true",
    "service-account-private-key-file": files.accountKey,
    "root-ca-file": files.caFile,
    "leader-elect": "false",
    // It serves nothing that a test asks for.
    "secure-port": "0",
    // There are no nodes, clouds or volumes.
    controllers: [
      "*",
      "-node-ipam-controller",
      "-node-lifecycle-controller",
      "-persistentvolume-attach-detach-controller",
    ].join(),
    "kube-api-qps": "200",
    "kube-api-burst": "400",
    profiling: "false",
  };
}

/** Starts one program; `answers` throws until it serves. */
async function start(
  options: ControlPlaneOptions,
  name: "etcd" | "kube-apiserver" | "kube-controller-manager",
  flags: Flags,
  answers: () => Promise<unknown>,
): Promise<void> {
  const server = options.stack.use(
    new ServerProcess({
      name,
      command: programPath(name),
      args: Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
      logFile: join(options.logs, `${name}.log`),
      ready: () =>
        waitFor(() => answers().then(() => true), { what: `${name} to be ready`, deadlineMs: READY_DEADLINE_MS }),
      guarded: options.guarded,
    }),
  );
  await server.start();
}
