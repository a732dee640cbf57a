// Loads the rule set a process runs under.
import { readFile } from "node:fs/promises";
import { AlertCastError, messageOf } from "../pkg/errors.ts";
import { DEFAULT_RULES } from "../pkg/rule/default-rules.ts";
import type { RuleFileError, RuleSet } from "../pkg/rule/model.ts";
import { compileRuleSet, parseRuleFile } from "../pkg/rule/rule-file.ts";
import { unsupportedKeys } from "../pkg/rule/supported.ts";

/** One line per error; the message names the path and the suggestion. */
function errorLines(errors: readonly RuleFileError[]): string[] {
  return errors.map(({ code, message }) => `${message} [${code}]`);
}

/**
 * The set in this file, or the default set.
 * @throws AlertCastError `invalid` with every error of the file
 */
export async function loadRuleSet(file: string | undefined): Promise<RuleSet> {
  const text = file === undefined ? DEFAULT_RULES : await readText(file);
  const result = parseRuleFile(text);
  const errors = result.ok ? unsupportedKeys(result.ruleSet) : result.errors;
  if (result.ok && errors.length === 0) return result.ruleSet;
  throw new AlertCastError("invalid", `${file ?? "the default rules"}:\n${errorLines(errors).join("\n")}`);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new AlertCastError("invalid", `RULES_FILE: ${messageOf(error)}`, { cause: error });
  }
}

/** Compiles a stored set; undefined when this version cannot. */
export function compileStored(source: unknown): RuleSet | undefined {
  const result = compileRuleSet(source);
  return result.ok ? result.ruleSet : undefined;
}
