// Writes the dashboards, docs/metrics.md and the chart's copies of dashboards and alerts: a chart has to hold its files itself.
// Run by node; with --check it only says which of them is stale.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { chartAlerts } from "./chart-alerts.ts";
import { dashboardJson } from "./grafana.ts";
import { metricsDoc } from "./metrics-doc.ts";
import { ON_CALL } from "./on-call.ts";
import { PIPELINE } from "./pipeline.ts";
import { SCALER } from "./scaler.ts";
import { STORES } from "./stores.ts";

const ROOT = new URL("../../", import.meta.url);
const ALERT_FILES = ["deploy/prometheus/alerts.yaml", "deploy/prometheus/scaler-alerts.yaml"];

const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

/** As the linter wants it. */
function formatted(name: string, text: string): string {
  const biome = fileURLToPath(new URL("node_modules/.bin/biome", ROOT));
  return execFileSync(biome, ["format", `--stdin-file-path=${name}`], { cwd: ROOT, input: text, encoding: "utf8" });
}

/** Content by path from the top folder. */
function files(): ReadonlyMap<string, string> {
  const made = new Map([
    ["docs/metrics.md", formatted("metrics.md", metricsDoc())],
    ["charts/alertcast/files/alerts.yaml", chartAlerts(ALERT_FILES.map(read))],
  ]);
  for (const dashboard of [ON_CALL, PIPELINE, SCALER, STORES]) {
    const json = formatted("dashboard.json", dashboardJson(dashboard));
    made.set(`deploy/grafana/${dashboard.id}.json`, json);
    made.set(`charts/alertcast/dashboards/${dashboard.id}.json`, json);
  }
  return made;
}

function isStale([path, text]: readonly [string, string]): boolean {
  return !existsSync(new URL(path, ROOT)) || read(path) !== text;
}

/** Paths whose content is not what it would be written as. */
export function staleFiles(): string[] {
  return [...files()].filter(isStale).map(([path]) => path);
}

function write(path: string, text: string): void {
  const file = fileURLToPath(new URL(path, ROOT));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  process.stdout.write(`written: ${path}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stale = [...files()].filter(isStale);
  if (process.argv.includes("--check")) {
    for (const [path] of stale) process.stderr.write(`stale: ${path} (run node scripts/monitoring/main.ts)\n`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    for (const [path, text] of stale) write(path, text);
  }
}
