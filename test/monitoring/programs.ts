// Debian's Prometheus, as the tests use it: promtool to check, prometheus to scrape. Installs nothing.
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../harness/port.ts";
import { ServerProcess } from "../harness/server-process.ts";
import { temporaryFolder } from "../harness/start-services.ts";
import { waitFor } from "../harness/wait.ts";

const run = promisify(execFile);

/** Both programs are there. Without them the caller skips, loudly; with CI=true that is a failure. */
export function hasPrometheus(): boolean {
  const missing = ["prometheus", "promtool"].filter((program) => !isOnPath(program));
  if (missing.length === 0) return true;
  const lack = `the tests of dashboards and alerts need ${missing.join(" and ")} (scripts/setup-services.sh)`;
  if (process.env.CI === "true") throw new Error(lack);
  console.warn(`\n*** SKIPPED: ${lack} ***\n`);
  return false;
}

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== "";
    } catch {
      return false;
    }
  });
}

/** What promtool prints; rejects with that when it finds a fault. */
export async function promtool(...args: string[]): Promise<string> {
  try {
    const { stdout, stderr } = await run("promtool", args);
    return stdout + stderr;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`promtool ${args.join(" ")}:\n${stdout}${stderr}`, { cause: error });
  }
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Prometheus extends AsyncDisposable {
  /** An instant query, now. */
  query(expr: string): Promise<readonly Sample[]>;
  get(path: string): Promise<unknown>;
}

/** Starts a Prometheus that scrapes `targets` (host:port) every second and evaluates the rules in `ruleFile`. */
export async function startPrometheus(options: {
  readonly targets: readonly string[];
  readonly ruleFile: string;
}): Promise<Prometheus> {
  await using stack = new AsyncDisposableStack();
  const folder = await temporaryFolder(stack, true);
  const config = join(folder, "prometheus.yml");
  const { targets, ruleFile } = options;
  const scrape = [{ job_name: "alertcast", static_configs: [{ targets }] }];
  const global = { scrape_interval: "1s", evaluation_interval: "1s" };
  // JSON is YAML.
  await writeFile(config, JSON.stringify({ global, rule_files: [ruleFile], scrape_configs: scrape }));
  const url = `http://127.0.0.1:${await freePort()}`;
  const isReady = async () => (await fetch(`${url}/-/ready`)).ok;
  const server = stack.use(
    new ServerProcess({
      name: "Prometheus",
      command: "prometheus",
      args: [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=${url.slice("http://".length)}`,
      ],
      logFile: join(folder, "prometheus.log"),
      ready: () => waitFor(isReady, { what: "Prometheus to be ready", deadlineMs: 120_000 }),
      guarded: true,
    }),
  );
  await server.start();
  const owned = stack.move();
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${url}${path}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${text}`);
    return JSON.parse(text);
  };
  return {
    get,
    query: async (expr) => samplesOf(await get(`/api/v1/query?${new URLSearchParams({ query: expr })}`)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function samplesOf(answer: unknown): Sample[] {
  const { data } = answer as { data: { result: { metric: Record<string, string>; value: [number, string] }[] } };
  return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
}
