// Whether data is what JSON can say and PostgreSQL can store: no NUL, no lone surrogates, finite numbers, not deep. Knows no rule.

import { childPath, isMapping, type Problems } from "./rule-section.ts";

/** A valid file is at most this deep: a rule's rate or mute window in a level. */
const MAX_DEPTH = 16;

/** Reports what is not plain data: at its path, or at the path of the mapping whose key it is. */
export function checkPlainData(value: unknown, problems: Problems, path = "", depth = 0): void {
  if (depth > MAX_DEPTH) {
    problems.add(path, "limit", `is nested deeper than ${MAX_DEPTH}`);
  } else if (typeof value === "string") {
    if (!isStorable(value)) problems.add(path, "bad-value", "must be well-formed Unicode without NUL");
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) problems.add(path, "bad-value", `must be a finite number, not ${value}`);
  } else if (Array.isArray(value)) {
    value.forEach((item, i) => {
      checkPlainData(item, problems, `${path}[${i}]`, depth + 1);
    });
  } else if (isMapping(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (!isStorable(key)) problems.add(path, "bad-value", "its keys must be well-formed Unicode without NUL");
      checkPlainData(item, problems, childPath(path, key), depth + 1);
    }
  } else if (value !== null && typeof value !== "boolean" && value !== undefined) {
    problems.add(path, "wrong-type", `must be JSON data, not a ${typeof value}`);
  }
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}
