// How a dashboard of panel.ts looks as Grafana's JSON: fixed uids, two panels a row, the same variables everywhere.
import type { Dashboard, Panel } from "./panel.ts";
import { narrowed } from "./selectors.ts";

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in
const DATASOURCE = { type: "prometheus", uid: "${datasource}" };
const NAMESPACE = 'namespace=~"$namespace"';

/** The query as it stands in the panel: in the chosen namespace, over Grafana's rate interval. */
export function panelQuery(expr: string): string {
  return narrowed(expr, NAMESPACE).replaceAll("$w", "$__rate_interval");
}

function panelOf({ title, description, unit, runbook, queries, kind = "timeseries" }: Panel, index: number) {
  return {
    id: index + 1,
    title,
    description,
    type: kind,
    datasource: DATASOURCE,
    gridPos: { h: 8, w: 12, x: (index % 2) * 12, y: Math.floor(index / 2) * 8 },
    fieldConfig: { defaults: { unit, ...(unit === "percentunit" && { min: 0 }) }, overrides: [] },
    options: kind === "timeseries" ? { legend: { displayMode: "list", placement: "bottom" } } : {},
    links: [{ title: "Runbook", url: `\${public_url}/docs/runbooks/${runbook}`, targetBlank: true }],
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: DATASOURCE,
      expr: panelQuery(expr),
      legendFormat: legend,
    })),
  };
}

const VARIABLES = [
  { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
  {
    name: "namespace",
    label: "Namespace",
    type: "query",
    datasource: DATASOURCE,
    query: "label_values(alertcast_build_info, namespace)",
    refresh: 2,
    includeAll: true,
    // Also what has no namespace, as in docker compose.
    allValue: ".*",
    current: { text: "All", value: "$__all" },
  },
  { name: "public_url", label: "AlertCast", type: "textbox", query: "http://localhost:8080" },
];

/** The file that Grafana reads. */
export function dashboardJson({ id, title, panels }: Dashboard): string {
  const dashboard = {
    uid: `alertcast-${id}`,
    title,
    tags: ["alertcast"],
    schemaVersion: 39,
    editable: true,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    timezone: "browser",
    templating: { list: VARIABLES },
    links: [{ title: "AlertCast", type: "dashboards", tags: ["alertcast"], keepTime: true, includeVars: true }],
    panels: panels.map(panelOf),
  };
  return `${JSON.stringify(dashboard, null, 1)}\n`;
}
