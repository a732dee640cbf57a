// The catalogue of metrics as a page for people.
import { COMPONENTS, createMetrics } from "../../pkg/telemetry/catalogue.ts";
import type { Declared } from "../../pkg/telemetry/declare.ts";

/** docs/metrics.md. */
export function metricsDoc(): string {
  const { declared } = createMetrics([...COMPONENTS], { processMetrics: false });
  return [
    "# Metrics",
    "",
    "<!-- Written by scripts/monitoring/main.ts from pkg/telemetry/catalogue.ts. -->",
    "",
    "Every service serves them on `/metrics`, with Node's own (`process_*`, `nodejs_*`). Labels are bounded: never a device",
    "or a ticket id. Label sets that are known exist from the start, at 0. Dashboards: `deploy/grafana/`; alerts and their",
    "runbooks: `deploy/prometheus/`.",
    "",
    "| Metric | Type | Labels | Of | Meaning |",
    "|---|---|---|---|---|",
    ...[...declared].sort((a, b) => (a.name < b.name ? -1 : 1)).map(row),
    "",
  ].join("\n");
}

function row({ name, type, labels, components, help }: Declared): string {
  const shown = Object.entries(labels).map(([label, values]) =>
    values === undefined ? `\`${label}\`` : `\`${label}\`: ${values.join(", ")}`,
  );
  return `| \`${name}\` | ${type} | ${shown.join("; ")} | ${components.join(", ")} | ${help} |`;
}
