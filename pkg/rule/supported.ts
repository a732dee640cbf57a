// What passes validation but this version cannot run yet. Services refuse to start with it instead of quietly doing something else.

import type { RuleFileError, RuleSet } from "./model.ts";
import { isMapping } from "./rule-section.ts";

/** Keys of a rule or of one of its levels. */
const DETECTORS = ["absent", "rate"] as const;

/** The keys of the set's enabled rules that cannot be run yet, each with code `unsupported`; empty = all can. */
export function unsupportedKeys(ruleSet: RuleSet): RuleFileError[] {
  const rules =
    isMapping(ruleSet.source) && Array.isArray(ruleSet.source.rules)
      ? (ruleSet.source.rules as readonly unknown[])
      : [];
  return rules.flatMap((rule, i) => {
    if (!isMapping(rule) || rule.enabled === false) return [];
    return unsupportedPaths(rule).map((path) => unsupported(`rules[${i}].${path}`));
  });
}

function unsupportedPaths(rule: Readonly<Record<string, unknown>>): string[] {
  const levels: readonly unknown[] = Array.isArray(rule.levels) ? rule.levels : [];
  return [
    ...DETECTORS.filter((key) => rule[key] !== undefined),
    ...levels.flatMap((level, i) =>
      isMapping(level) ? DETECTORS.filter((key) => level[key] !== undefined).map((key) => `levels[${i}].${key}`) : [],
    ),
    ...(isMapping(rule.flap) ? ["flap"] : []),
    ...(Array.isArray(rule.mute) && rule.mute.length > 0 ? ["mute"] : []),
    ...(isMapping(rule.escalateAfter) || (Array.isArray(rule.escalateAfter) && rule.escalateAfter.length > 0)
      ? ["escalateAfter"]
      : []),
    ...(rule.manualResolveGrace !== undefined ? ["manualResolveGrace"] : []),
  ];
}

function unsupported(path: string): RuleFileError {
  return { path, code: "unsupported", message: `${path}: this version cannot run it yet` };
}
