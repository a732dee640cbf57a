// The chart's copy of the alerts: all files in one, every selector limited to the release's namespace, which
// templates/monitoring/rules.yaml fills in.
import { parse, stringify } from "yaml";
import { narrowed } from "./selectors.ts";

const HEAD = "# Written by scripts/monitoring/main.ts from deploy/prometheus; $namespace is the release's.\n";
const NAMESPACE = 'namespace="$namespace"';

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly { readonly expr: string }[] }[];
}

/** @param texts files of Prometheus' rules */
export function chartAlerts(texts: readonly string[]): string {
  const groups = texts.flatMap((text) => (parse(text) as RuleFile).groups);
  const limited = groups.map(({ name, rules }) => ({
    name,
    rules: rules.map((rule) => ({ ...rule, expr: narrowed(rule.expr, NAMESPACE) })),
  }));
  return HEAD + stringify({ groups: limited }, { lineWidth: 0 });
}
