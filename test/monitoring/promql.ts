// What a PromQL expression asks for: the names of its metrics and of their labels. Reads no more of the language than our
// dashboards and alerts use; promtool judges the rest.

export interface Asked {
  readonly metric: string;
  readonly labels: readonly string[];
}

const SELECTOR = /\b((?:alertcast|process|nodejs)_[a-z0-9_]+)(?:\{([^}]*)\})?/g;
const MATCHER = /([a-z_]+)\s*(?:=~|!~|!=|=)/g;
const GROUPING = /\bby\s*\(([^)]*)\)/g;

/** The metrics, each with the labels it is filtered by. */
export function askedOf(expr: string): Asked[] {
  return [...expr.matchAll(SELECTOR)].map(([, metric = "", matchers = ""]) => ({
    metric,
    labels: [...matchers.matchAll(MATCHER)].map(([, label = ""]) => label),
  }));
}

/** The labels that results are grouped by. */
export function groupedBy(expr: string): string[] {
  return [...expr.matchAll(GROUPING)].flatMap(([, labels = ""]) => labels.split(",").map((label) => label.trim()));
}
