// Reads dashboards, alerts and runbooks as they are shipped.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const DEPLOY = join(import.meta.dirname, "..", "..", "deploy");
const GRAFANA = join(DEPLOY, "grafana");
export const PROMETHEUS = join(DEPLOY, "prometheus");
/** What docker compose has. */
export const ALERTS = join(PROMETHEUS, "alerts.yaml");
/** What is added where an operator runs. */
export const SCALER_ALERTS = join(PROMETHEUS, "scaler-alerts.yaml");
const RUNBOOKS = join(PROMETHEUS, "runbooks");

/** The one dashboard whose panels need an operator. */
export const SCALER_DASHBOARD = "scaler.json";

export interface ShippedPanel {
  readonly title: string;
  readonly description: string;
  readonly fieldConfig: { readonly defaults: { readonly unit: string } };
  readonly links: readonly { readonly url: string }[];
  readonly targets: readonly { readonly expr: string }[];
}

export interface ShippedDashboard {
  readonly file: string;
  readonly uid: string;
  readonly templating: { readonly list: readonly { readonly name: string }[] };
  readonly panels: readonly ShippedPanel[];
}

export function dashboards(): ShippedDashboard[] {
  const files = readdirSync(GRAFANA).filter((file) => file.endsWith(".json"));
  return files.map((file) => ({ file, ...JSON.parse(readFileSync(join(GRAFANA, file), "utf8")) }));
}

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

/** docker compose's, or those of another file. */
export function alerts(file: string = ALERTS): Alert[] {
  const { groups } = parse(readFileSync(file, "utf8")) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export function allAlerts(): Alert[] {
  return [ALERTS, SCALER_ALERTS].flatMap((file) => alerts(file));
}

/** Text by name. */
export function runbooks(): Map<string, string> {
  const files = readdirSync(RUNBOOKS);
  return new Map(files.map((file) => [file.replace(/\.md$/, ""), readFileSync(join(RUNBOOKS, file), "utf8")]));
}

/** A panel's query as Grafana would send it, for every namespace. */
export function filledIn(expr: string, rateInterval: string): string {
  return expr.replaceAll("$__rate_interval", rateInterval).replaceAll("$namespace", ".*");
}
