// Narrows queries: one more matcher for every selector of ours. Knows no metric by name.

const SELECTOR = /\b((?:alertcast|process|nodejs)_[a-z0-9_]+)(\{[^}]*\})?/g;

/** The PromQL expression with `matcher` (such as `namespace="a"`) in each of its selectors. */
export function narrowed(expr: string, matcher: string): string {
  return expr.replaceAll(SELECTOR, (_, name: string, labels: string | undefined) => {
    const given = labels?.slice(1, -1);
    return `${name}{${given ? `${given}, ` : ""}${matcher}}`;
  });
}
