// Dashboards, alerts, runbooks and docs/metrics.md agree with the catalogue and with one another.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { COMPONENTS, createMetrics } from "../../pkg/telemetry/catalogue.ts";
import { staleFiles } from "../../scripts/monitoring/main.ts";
import { ALERT_CASES } from "./alert-cases.ts";
import { tryAlerts } from "./alert-tests.ts";
import { ALERTS, alerts, allAlerts, dashboards, filledIn, PROMETHEUS, runbooks, SCALER_ALERTS } from "./files.ts";
import { hasPrometheus, promtool } from "./programs.ts";
import { askedOf, groupedBy } from "./promql.ts";

const { declared } = createMetrics([...COMPONENTS], { processMetrics: false });

/** Labels by the name of each series that a scrape has. */
const series = new Map<string, readonly string[]>();
for (const { name, type, labels } of declared) {
  const own = Object.keys(labels);
  if (type !== "histogram") series.set(name, own);
  else {
    series.set(`${name}_bucket`, [...own, "le"]);
    series.set(`${name}_sum`, own);
    series.set(`${name}_count`, own);
  }
}
/** prom-client's own, and what Prometheus and Kubernetes add to everything. */
const FOREIGN = ["process_resident_memory_bytes", "nodejs_eventloop_lag_p99_seconds"];
const ADDED = ["namespace", "job", "instance"];

const queries = [
  ...dashboards().flatMap(({ uid, panels }) =>
    panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ where: `${uid}: ${title}`, expr }))),
  ),
  ...allAlerts().map(({ alert, expr }) => ({ where: alert, expr })),
];

test("what is written by scripts/monitoring is as it would be written now, the chart's copies included", () => {
  expect(staleFiles(), "run node scripts/monitoring/main.ts").toEqual([]);
});

test.each(queries)("$where asks for metrics and labels of the catalogue alone", ({ expr }) => {
  const asked = askedOf(expr);
  expect(asked.length).toBeGreaterThan(0);
  const known = new Set(ADDED);
  for (const { metric, labels } of asked) {
    if (FOREIGN.includes(metric)) continue;
    const own = series.get(metric);
    expect(own, metric).toBeDefined();
    for (const label of own ?? []) known.add(label);
    for (const label of labels) expect([...(own ?? []), ...ADDED], `{${label}} of ${metric}`).toContain(label);
  }
  for (const label of groupedBy(expr)) expect([...known], `by (${label})`).toContain(label);
});

test("the reader of queries finds names, filters and groups", () => {
  const expr = 'sum by (a, le) (rate(alertcast_x_bucket{b="1", c=~"2|3"}[1m])) / max(alertcast_y)';
  expect(askedOf(expr)).toEqual([
    { metric: "alertcast_x_bucket", labels: ["b", "c"] },
    { metric: "alertcast_y", labels: [] },
  ]);
  expect(groupedBy(expr)).toEqual(["a", "le"]);
});

test.each(dashboards())(
  "$uid: every panel has a unit, a description and a runbook that exists",
  ({ file, uid, templating, panels }) => {
    expect(uid).toBe(`alertcast-${file.replace(".json", "")}`);
    expect(templating.list.map(({ name }) => name)).toEqual(["datasource", "namespace", "public_url"]);
    expect(panels.length).toBeGreaterThan(4);
    const names = [...runbooks().keys()];
    for (const { title, description, fieldConfig, links, targets } of panels) {
      expect(fieldConfig.defaults.unit, title).toMatch(/^[a-z]+$/);
      expect(description.length, title).toBeGreaterThan(10);
      expect(names, title).toContain(links[0]?.url.replace("$" + "{public_url}/docs/runbooks/", ""));
      for (const { expr } of targets) {
        expect(expr).toContain('namespace=~"$namespace"');
        if (/\brate\(/.test(expr)) expect(expr).toMatch(/\[(\$__rate_interval|\d+[hd])\]/);
      }
    }
  },
);

test("docker compose, which has no operator, gets no alert that looks at one", () => {
  const { rule_files } = parse(readFileSync(join(PROMETHEUS, "prometheus.yml"), "utf8"));
  expect(rule_files).toEqual([basename(ALERTS)]);
  const asked = (file: string) => alerts(file).flatMap(({ expr }) => askedOf(expr).map(({ metric }) => metric));
  const isOfScaler = (metric: string) => metric.startsWith("alertcast_scaler_");
  expect(asked(ALERTS).filter(isOfScaler)).toEqual([]);
  expect(asked(SCALER_ALERTS).every(isOfScaler)).toBe(true);
});

test("alerts and runbooks are the same set, each runbook with its name and the five headings", () => {
  expect([...runbooks().keys()].sort()).toEqual(
    allAlerts()
      .map(({ alert }) => alert)
      .sort(),
  );
  for (const [name, text] of runbooks()) {
    const headings = text.split("\n").filter((line) => line.startsWith("#"));
    expect(headings).toEqual([`# ${name}`, "## Meaning", "## Impact", "## Look", "## Do", "## Done when"]);
  }
  for (const { alert, labels, annotations } of allAlerts()) {
    expect(alert).toMatch(/^AlertCast[A-Z][A-Za-z]+$/);
    expect(["page", "ticket"]).toContain(labels.severity);
    expect(annotations.runbook_url).toBe(`http://localhost:8080/docs/runbooks/${alert}`);
    expect(annotations.summary.length).toBeGreaterThan(10);
  }
});

describe.skipIf(!hasPrometheus())("Prometheus 2.42", () => {
  test("reads the alerts and docker compose's configuration", async () => {
    for (const file of [ALERTS, SCALER_ALERTS])
      expect(await promtool("check", "rules", file)).toContain(`${alerts(file).length} rules found`);
    expect(await promtool("check", "config", join(PROMETHEUS, "prometheus.yml"))).toContain("SUCCESS");
  });

  test("can parse every query of every panel", async () => {
    const rules = queries.map(({ expr }, i) => ({ record: `query:${i}`, expr: filledIn(expr, "1m") }));
    await inFile({ groups: [{ name: "queries", rules }] }, async (file) => {
      expect(await promtool("check", "rules", file)).toContain(`${queries.length} rules found`);
    });
    const broken = [{ record: "a", expr: "sum by (x" }];
    await inFile({ groups: [{ name: "queries", rules: broken }] }, async (file) => {
      await expect(promtool("check", "rules", file)).rejects.toThrow("parse error");
    });
  });

  test("fires each alert when it should, and keeps quiet otherwise", { timeout: 120_000 }, async () => {
    expect(Object.keys(ALERT_CASES)).toEqual(allAlerts().map(({ alert }) => alert));
    expect(await tryAlerts(allAlerts())).toContain("SUCCESS");
  });

  test("tells of an alert that does not do what its case says", async () => {
    const [alert] = alerts();
    const cases = alert && ALERT_CASES[alert.alert];
    if (alert === undefined || cases === undefined) throw new Error("there is no alert");
    const wrong = { fires: { ...cases.fires, ...cases.quiet }, quiet: cases.quiet };
    await expect(tryAlerts([alert], { cases: { [alert.alert]: wrong } })).rejects.toThrow("FAILED");
  });
});

/** JSON is YAML. */
async function inFile(content: object, work: (file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "alertcast-promtool-"));
  try {
    const file = join(folder, "file.yml");
    writeFileSync(file, JSON.stringify(content));
    await work(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
