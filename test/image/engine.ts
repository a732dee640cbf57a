// A Docker engine for the image's tests: the one that runs already, or one started here (as root) whose layers are kept in
// the cache. Where images cannot be pulled, local ones stand in for them.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ServerProcess } from "../harness/server-process.ts";
import { cacheFolder, kafkaLibs } from "../harness/tools.ts";
import { waitFor } from "../harness/wait.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "../..");
const CACHE = cacheFolder();
const BASE_TAR = join(CACHE, "images/debian-bookworm.tar");
const STANDINS = join(import.meta.dirname, "standins");
const NODE = "node:24.21.0-bookworm-slim";
const DEBIAN = "debian:bookworm-slim";
const READY_DEADLINE_MS = 120_000;
/** A build on a slow machine, packages included. */
const BUILD_TIMEOUT_MS = 1_200_000;

export interface Engine extends AsyncDisposable {
  /** True when this engine pulls what it has not got; false when local images stand in. */
  readonly pulls: boolean;
  /** Runs `docker ...`; resolves to what it printed. Rejects with the end of what it said. */
  docker(args: readonly string[], options?: { timeoutMs?: number; env?: Record<string, string> }): Promise<string>;
}

/** Finds or starts the engine; undefined when there is none to be had here. */
export async function openEngine(): Promise<Engine | undefined> {
  const own = engine({}, true, async () => {});
  if (await answers(own)) return own;
  if (process.getuid?.() !== 0 || !existsSync(BASE_TAR)) return undefined;
  return await startEngine();
}

async function startEngine(): Promise<Engine> {
  const folder = await mkdtemp(join(tmpdir(), "alertcast-docker-"));
  const socket = `unix://${join(folder, "docker.sock")}`;
  await mkdir(join(folder, "config/cli-plugins"), { recursive: true });
  const plugin = join(CACHE, `bin/compose-${await composeVersion()}/docker-compose`);
  if (existsSync(plugin)) await copyFile(plugin, join(folder, "config/cli-plugins/docker-compose"));
  const paths = [
    "--data-root",
    join(CACHE, "docker"),
    "--exec-root",
    join(folder, "exec"),
    "--pidfile",
    join(folder, "pid"),
  ];
  const env = { DOCKER_HOST: socket, DOCKER_CONFIG: join(folder, "config") };
  const daemon = new ServerProcess({
    name: "Docker",
    command: "dockerd",
    args: ["-H", socket, ...paths],
    logFile: join(folder, "dockerd.log"),
    ready: () =>
      waitFor(() => answers(started), { what: "the Docker engine to answer", deadlineMs: READY_DEADLINE_MS }),
    guarded: true,
  });
  const started = engine(env, false, async () => {
    await daemon.stop("SIGTERM");
    // The engine leaves the network namespace of `--network host` mounted, if there was one.
    await run("umount", [join(folder, "exec/netns/default")]).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  });
  await daemon.start();
  await makeBases(started);
  return started;
}

/** Of the one that scripts/setup-docker.sh builds. */
async function composeVersion(): Promise<string> {
  const versions = await readFile(join(import.meta.dirname, "versions.env"), "utf8");
  const version = /^COMPOSE_VERSION=(\S+)$/m.exec(versions)?.[1];
  if (version === undefined) throw new Error("test/image/versions.env names no COMPOSE_VERSION");
  return version;
}

function engine(env: Record<string, string>, pulls: boolean, dispose: () => Promise<void>): Engine {
  return {
    pulls,
    async docker(args, options = {}) {
      const { timeoutMs = BUILD_TIMEOUT_MS } = options;
      const settings = { cwd: ROOT, env: { ...process.env, ...env, ...options.env }, timeout: timeoutMs };
      try {
        return (await run("docker", [...args], { ...settings, maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
      } catch (error) {
        const said = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
        throw new Error(`docker ${args.slice(0, 3).join(" ")}: ${said.trim().split("\n").slice(-15).join("\n")}`, {
          cause: error,
        });
      }
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function answers({ docker }: Engine): Promise<boolean> {
  return docker(["info", "--format", "{{.ServerVersion}}"], { timeoutMs: 20_000 }).then(
    (version) => version !== "",
    () => false,
  );
}

/** The two bases of deploy/Dockerfile under their own names: Debian as debootstrap makes it, and that with this Node and npm. */
async function makeBases({ docker }: Engine): Promise<void> {
  const has = async (image: string) => (await docker(["images", "-q", image])) !== "";
  if (!(await has(DEBIAN))) await docker(["import", BASE_TAR, DEBIAN]);
  if (await has(NODE)) return;
  const folder = await mkdtemp(join(tmpdir(), "alertcast-node-image-"));
  try {
    await copyFile(process.execPath, join(folder, "node"));
    // .../npm/bin/npm-cli.js, wherever the machine's npm is.
    const cli = await realpath((await run("which", ["npm"])).stdout.trim());
    await cp(join(cli, "../.."), join(folder, "npm"), { recursive: true, dereference: true });
    const authorities = "/etc/ssl/certs/ca-certificates.crt";
    await copyFile(authorities, join(folder, "ca.crt"));
    await writeFile(join(folder, "Dockerfile"), nodeImage(authorities));
    await docker(["build", "-q", "-t", NODE, folder]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function nodeImage(authorities: string): string {
  return `FROM ${DEBIAN}
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY ca.crt ${authorities}
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
ENV NODE_EXTRA_CA_CERTS=${authorities}
`;
}

/** Builds the images that stand in for compose's foreign ones; returns the variables of docker-compose.yml that name them. */
export async function standIns({ docker, pulls }: Engine): Promise<Record<string, string>> {
  if (pulls) return {};
  const libs = kafkaLibs();
  if (libs === undefined) throw new Error("the Kafka jars are missing: run scripts/setup-kafka.sh");
  const images: Record<string, string> = {};
  for (const name of ["kafka", "postgres", "valkey", "kafdrop", "prometheus", "grafana", "jaeger"]) {
    const folder = await mkdtemp(join(tmpdir(), `alertcast-${name}-`));
    try {
      await cp(join(STANDINS, name), folder, { recursive: true });
      if (name === "kafka") await cp(libs, join(folder, "libs"), { recursive: true });
      if (name === "jaeger") await copyFile(join(ROOT, "test/otlp-receiver.ts"), join(folder, "otlp-receiver.ts"));
      await docker(["build", "-q", "--network", "host", "-t", `alertcast-standin-${name}:test`, folder]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    images[`${name === "valkey" ? "REDIS" : name.toUpperCase()}_IMAGE`] = `alertcast-standin-${name}:test`;
  }
  return images;
}

/** Builds the product's image; returns its size in MB. */
export async function buildImage({ docker }: Engine, tag: string): Promise<number> {
  await docker(["build", "-q", "--network", "host", "-f", "deploy/Dockerfile", "-t", tag, ROOT]);
  return Math.round(Number(await docker(["inspect", "-f", "{{.Size}}", tag])) / 1e6);
}
