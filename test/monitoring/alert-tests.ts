// What promtool is to try: the cases of alert-cases.ts as its file has them, where need be as those of one release beside another.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { narrowed } from "../../scripts/monitoring/selectors.ts";
import { ALERT_CASES, type AlertCase, type AlertCases, type Firing } from "./alert-cases.ts";
import type { Alert } from "./files.ts";
import { promtool } from "./programs.ts";

type Series = AlertCase["series"];

interface CaseOptions {
  readonly cases?: Readonly<Record<string, AlertCases>>;
  /** The release's; another's series are beside them then: quiet ones where the release's fire, firing ones otherwise. */
  readonly namespace?: string;
}

function promtoolCases(alert: Alert, { cases = ALERT_CASES, namespace }: CaseOptions): object[] {
  const ofAlert = cases[alert.alert];
  if (ofAlert === undefined) throw new Error(`${alert.alert} has no case`);
  const { fires, quiet, more } = ofAlert;
  return Object.entries({ fires, quiet, ...more }).map(([what, one]) => {
    const other = "summary" in one ? quiet.series : fires.series;
    const series = namespace === undefined ? one.series : sideBySide(one.series, namespace, other);
    return {
      name: `${alert.alert}: ${what}`,
      interval: "1m",
      input_series: Object.entries(series).map(([selector, values]) => ({ series: selector, values })),
      alert_rule_test: [{ eval_time: `${one.atMinute}m`, alertname: alert.alert, exp_alerts: expected(alert, one) }],
    };
  });
}

function expected({ labels, annotations }: Alert, one: AlertCase | Firing): object[] {
  if (!("summary" in one)) return [];
  return [{ exp_labels: { ...labels, ...one.labels }, exp_annotations: { ...annotations, summary: one.summary } }];
}

function sideBySide(own: Series, namespace: string, other: Series): Series {
  return { ...inNamespace(own, namespace), ...inNamespace(other, `${namespace}-2`) };
}

function inNamespace(series: Series, namespace: string): Series {
  const named = Object.entries(series).map(([selector, values]) => [
    narrowed(selector, `namespace="${namespace}"`),
    values,
  ]);
  return Object.fromEntries(named);
}

/**
 * promtool's verdict on the cases of each alert. Each is tried without the others: some cases last a day, and every rule of a
 * file is evaluated in every minute of it.
 * @throws Error with what promtool prints when one does otherwise than its case says
 */
export async function tryAlerts(alerts: readonly Alert[], options: CaseOptions = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "alertcast-promtool-"));
  try {
    const files = alerts.map((alert) => {
      const rules = write(folder, `${alert.alert}.rules`, { groups: [{ name: "alertcast", rules: [alert] }] });
      const tests = promtoolCases(alert, options);
      return write(folder, alert.alert, { rule_files: [rules], evaluation_interval: "1m", tests });
    });
    return await promtool("test", "rules", ...files);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** JSON is YAML. */
function write(folder: string, name: string, content: object): string {
  const file = join(folder, `${name}.yml`);
  writeFileSync(file, JSON.stringify(content));
  return file;
}
