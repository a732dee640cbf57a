// Dashboards and alerts reach the cluster as their files say, however many there are.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { tryAlerts } from "../monitoring/alert-tests.ts";
import { type Alert, alerts as alertsOf, allAlerts, ALERTS as COMPOSE_ALERTS } from "../monitoring/files.ts";
import { hasPrometheus } from "../monitoring/programs.ts";
import { askedOf } from "../monitoring/promql.ts";
import { at, CHART, hasHelm, type KubeObject, listAt, NAMESPACE, only, PATIENTLY, render } from "./helm.ts";

const folder = mkdtempSync(join(tmpdir(), "alertcast-chart-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ON = ["prometheusRule", "dashboards"].map((part) => `metrics.${part}.enabled=true`);
const ALERTS = `groups:
  - name: alertcast
    rules:
      - alert: AlertCastDown
        expr: absent(up{job="a", namespace="$namespace"}) or vector(1) > 2
        for: 3m
        labels: {severity: page}
        annotations:
          summary: 'down: {{ $labels.instance }} "{{ $value }}"'
          runbook_url: http://localhost:8080/docs/runbooks/Down
      - alert: AlertCastOther
        expr: vector(0)
      - record: a:b
        expr: vector(1)
`;
const DASHBOARD = '{"title":"On-call {{ x }}","uid":"a",\n "panels":[]}\n';

/** A copy of the chart with these dashboards and alerts alone. */
function chartWith(name: string, dashboards: Record<string, string>, alerts?: string): string {
  const chart = join(folder, name);
  cpSync(CHART, chart, { recursive: true });
  rmSync(join(chart, "dashboards"), { recursive: true, force: true });
  rmSync(join(chart, "files/alerts.yaml"), { force: true });
  mkdirSync(join(chart, "dashboards"));
  for (const [file, text] of Object.entries(dashboards)) writeFileSync(join(chart, "dashboards", file), text);
  if (alerts !== undefined) writeFileSync(join(chart, "files/alerts.yaml"), alerts);
  return chart;
}

const dashboardsOf = (objects: readonly KubeObject[]) =>
  objects
    .filter(({ metadata }) => metadata.labels?.grafana_dashboard === "1")
    .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));

/** Of the chart as it is shipped, with these values. */
async function shippedRules(set: readonly string[]): Promise<Alert[]> {
  const objects = await render({ set: [...ON, ...set] });
  const groups = listAt(only(objects, "PrometheusRule", "alertcast"), "spec", "groups");
  return groups.flatMap((group) => listAt(group, "rules") as Alert[]);
}

describe.skipIf(!hasHelm())("dashboards and alerts", PATIENTLY, () => {
  test("of none there is none", async () => {
    const objects = await render({ chart: chartWith("none", {}), set: ON });
    expect(dashboardsOf(objects)).toEqual([]);
    expect(objects.filter(({ kind }) => kind === "PrometheusRule")).toEqual([]);
  });

  test("come byte for byte; alerts keep their templates and get runbooks under the public address", async () => {
    const chart = chartWith("some", { "on-call.json": DASHBOARD, "Scaler.json": DASHBOARD }, ALERTS);
    const objects = await render({ chart, set: [...ON, "publicUrl=https://alerts.example.com"] });
    expect(dashboardsOf(objects).map(({ metadata, data }) => [metadata.name, data])).toEqual([
      ["alertcast-dashboard-on-call", { "on-call.json": DASHBOARD }],
      ["alertcast-dashboard-scaler", { "Scaler.json": DASHBOARD }],
    ]);
    const rules = listAt(only(objects, "PrometheusRule", "alertcast"), "spec", "groups", 0, "rules");
    expect(rules[0]).toEqual({
      alert: "AlertCastDown",
      expr: `absent(up{job="a", namespace="${NAMESPACE}"}) or vector(1) > 2`,
      for: "3m",
      labels: { severity: "page", namespace: NAMESPACE },
      annotations: {
        summary: 'down: {{ $labels.instance }} "{{ $value }}"',
        runbook_url: "https://alerts.example.com/docs/runbooks/Down",
      },
    });
    expect(at(rules[1], "annotations", "runbook_url")).toBe("https://alerts.example.com/docs/runbooks/AlertCastOther");
    expect(rules[2]).toEqual({ record: "a:b", expr: "vector(1)" });
  });

  test("of the chart are all there, each within a ConfigMap's 1 MiB", async () => {
    const files = readdirSync(CHART, { recursive: true, encoding: "utf8" }).filter((file) =>
      /^dashboards\/.*\.json$/.test(file),
    );
    const maps = dashboardsOf(await render({ set: ON }));
    expect(maps).toHaveLength(files.length);
    for (const file of files) {
      const text = readFileSync(join(CHART, file), "utf8");
      expect(Buffer.byteLength(text)).toBeLessThan(1024 * 1024);
      expect(maps.map(({ data }) => at(data, file.slice("dashboards/".length)))).toContain(text);
    }
  });

  test("alerts look at the release's namespace alone, and say so themselves", async () => {
    const rules = await shippedRules([]);
    expect(rules.map(({ alert }) => alert)).toEqual(allAlerts().map(({ alert }) => alert));
    for (const { alert, expr, labels } of rules) {
      expect(expr, alert).not.toContain("$");
      for (const { metric, labels: filtered } of askedOf(expr))
        expect(filtered, `${alert}: ${metric}`).toContain("namespace");
      expect(labels, alert).toMatchObject({ namespace: NAMESPACE });
    }
  });

  test("without the scaler nothing misses an operator", async () => {
    const rules = await shippedRules(["scaler.enabled=false"]);
    expect(rules.map(({ alert }) => alert)).toEqual(alertsOf(COMPOSE_ALERTS).map(({ alert }) => alert));
  });

  test.skipIf(!hasPrometheus())(
    "each alert of a release does as it should, whatever another release does meanwhile",
    async () => {
      const rules = await shippedRules([]);
      expect(await tryAlerts(rules, { namespace: NAMESPACE })).toContain("SUCCESS");
    },
  );

  test("a damaged file of alerts is an error that names it", async () => {
    await expect(render({ chart: chartWith("damaged", {}, "groups: [\n"), set: ON })).rejects.toThrow(
      "files/alerts.yaml",
    );
  });
});
