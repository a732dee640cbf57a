// Compiles the rule sets of the benchmarks.
import { DEFAULT_RULES } from "../../pkg/rule/default-rules.ts";
import type { RuleSet } from "../../pkg/rule/model.ts";
import { parseRuleFile } from "../../pkg/rule/rule-file.ts";
import { ruleFile } from "../events.ts";

/** The default rules for 0, else a set of that many rules (events.ts). */
export function compileRules(count: number): RuleSet {
  const result = parseRuleFile(count === 0 ? DEFAULT_RULES : ruleFile(count));
  if (!result.ok) throw new Error(`rules refused: ${JSON.stringify(result.errors)}`);
  return result.ruleSet;
}
