// YAML 1.2 text to plain data, strictly: no aliases, no foreign tags, no key twice (M1, R3). Knows no rule.

import { isScalar, LineCounter, parseDocument, visit, type YAMLMap } from "yaml";
import { messageOf } from "../errors.ts";
import type { Problems } from "./rule-section.ts";

/** The data of a YAML text, undefined when problems were added (path "", with the line). Never throws. */
export function readYaml(text: string, problems: Problems): unknown {
  try {
    return readDocument(text, problems);
  } catch (error) {
    // The library recurses: what is nested too deep for it ends here.
    problems.add("", "bad-value", `line 1: cannot be read as YAML: ${messageOf(error)}`);
    return undefined;
  }
}

function readDocument(text: string, problems: Problems): unknown {
  const lines = new LineCounter();
  // The library's own check of unique keys takes quadratic time.
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    uniqueKeys: false,
    merge: false,
    prettyErrors: false,
    lineCounter: lines,
  });
  const [error] = [...document.errors, ...document.warnings];
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    problems.add("", "bad-value", `line ${line}, column ${col}: ${error.message}`);
  } else if (document.directives?.yaml.version !== "1.2") {
    problems.add("", "bad-value", "line 1: must be YAML 1.2");
  }
  visit(document, {
    Alias: (_key, node) => {
      problems.add("", "limit", `line ${lines.linePos(node.range?.[0] ?? 0).line}: YAML aliases are not allowed`);
    },
    Map: (_key, node) => checkKeys(node, lines, problems),
  });
  return problems.errors.length > 0 ? undefined : document.toJS();
}

/** Two keys are the same when they are the same text in the data, as `1` and `"1"` are. */
function checkKeys(map: YAMLMap<unknown, unknown>, lines: LineCounter, problems: Problems): void {
  const seen = new Set<string>();
  for (const { key } of map.items) {
    const range = isScalar(key) ? key.range : undefined;
    const { line } = lines.linePos(range?.[0] ?? map.range?.[0] ?? 0);
    if (!isScalar(key)) {
      problems.add("", "bad-value", `line ${line}: a key must be text`);
      continue;
    }
    const text = key.value === null ? "" : String(key.value);
    if (seen.has(text)) problems.add("", "bad-value", `line ${line}: the key ${JSON.stringify(text)} stands twice`);
    seen.add(text);
  }
}
