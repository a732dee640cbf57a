// A rule file to a compiled rule set, or to everything that is wrong with it (R1 to R3, M1 to M3). Reads text, never a file.

import { isAlias, LineCounter, parseDocument, visit } from "yaml";
import { messageOf } from "../errors.ts";
import type { Rule, RuleFileResult, RuleSet } from "./model.ts";
import { checkPlainData } from "./plain-data.ts";
import { RULE_KEYS, SET_KEYS, TIME_KEYS } from "./rule-keys.ts";
import { readLevels } from "./rule-levels.ts";
import { readDedupKey, readEscalations, readFlap, readLabels, readMute, readRunbook } from "./rule-policy.ts";
import { isMapping, Problems, Section, show } from "./rule-section.ts";
import { canonicalJson, ruleVersion, setHash } from "./rule-version.ts";

const API_VERSION = "alertcast/v1";
const ID = /^[a-z][a-z0-9-]{0,62}$/;
/** Bytes of a rule file (M1). */
export const MAX_FILE_BYTES = 256 * 1024;
const MAX_RULES = 200;
/** The sum of the cost of a set's expressions (M3). */
export const MAX_COST = 50_000;
const DEFAULT_OUT_OF_ORDER_MS = 60_000;
const DEFAULT_MAX_FUTURE_MS = 5 * 60_000;
const DEFAULT_REOPEN_MS = 15 * 60_000;
const DEFAULT_GRACE_MS = 15 * 60_000;

interface ReadRule {
  readonly rule: Rule;
  readonly cost: number;
  readonly usesPrevious: boolean;
}

/** Compiles the text of a rule file, YAML 1.2 or JSON. Never throws. */
export function parseRuleFile(text: string): RuleFileResult {
  const problems = new Problems();
  if (Buffer.byteLength(text, "utf8") > MAX_FILE_BYTES) {
    problems.add("", "limit", `has more than ${MAX_FILE_BYTES / 1024} KiB`);
    return { ok: false, errors: problems.errors };
  }
  const source = readYaml(text, problems);
  return problems.errors.length > 0 ? { ok: false, errors: problems.errors } : compileRuleSet(source);
}

/** Compiles a rule file that was read already: plain data as JSON has it. Never throws. */
export function compileRuleSet(source: unknown): RuleFileResult {
  const problems = new Problems();
  checkPlainData(source, problems);
  if (!isMapping(source)) {
    problems.add("", "wrong-type", `must be a mapping, not ${show(source)}`);
    return { ok: false, errors: problems.errors };
  }
  const section = new Section(problems, "", source, SET_KEYS);
  section.require("apiVersion");
  section.choice("apiVersion", [API_VERSION]);
  const time = section.section("time", TIME_KEYS);
  const outOfOrderWindowMs = time?.duration("outOfOrderWindow") ?? DEFAULT_OUT_OF_ORDER_MS;
  const maxFutureMs = time?.duration("maxFuture") ?? DEFAULT_MAX_FUTURE_MS;
  const rules = readRules(section);
  if (problems.errors.length > 0) return { ok: false, errors: problems.errors };
  const ruleSet: RuleSet = {
    outOfOrderWindowMs,
    maxFutureMs,
    rules: rules.map(({ rule }) => rule),
    usesPrevious: rules.some(({ rule, usesPrevious }) => rule.enabled && usesPrevious),
    source,
    hash: setHash(source),
  };
  return { ok: true, ruleSet };
}

function readYaml(text: string, problems: Problems): unknown {
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, { version: "1.2", schema: "core", uniqueKeys: true, merge: false, prettyErrors: false, lineCounter: lines });
    const [error] = [...document.errors, ...document.warnings];
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0]);
      problems.add("", "bad-value", `line ${line}, column ${col}: ${error.message}`);
    } else if (document.directives?.yaml.version !== "1.2") {
      problems.add("", "bad-value", "line 1: must be YAML 1.2");
    }
    visit(document, {
      Alias: (_key, node) => {
        const { line } = lines.linePos(node.range?.[0] ?? 0);
        if (isAlias(node)) problems.add("", "limit", `line ${line}: YAML aliases are not allowed`);
        return visit.BREAK;
      },
    });
    return problems.errors.length > 0 ? undefined : document.toJS();
  } catch (error) {
    // The parser recurses: text nested thousands deep ends here.
    problems.add("", "bad-value", `line 1: cannot be read as YAML: ${messageOf(error)}`);
    return undefined;
  }
}

function readRules(set: Section): ReadRule[] {
  set.require("rules");
  const items = set.list("rules");
  if (items === undefined) return [];
  if (items.length === 0) set.problems.add("rules", "bad-value", "must hold at least one rule");
  if (items.length > MAX_RULES) set.problems.add("rules", "limit", `at most ${MAX_RULES} rules, not ${items.length}`);
  const seen = new Set<string>();
  const rules = items.slice(0, MAX_RULES).flatMap((item, i) => {
    const [section] = set.sections("rules", [item], RULE_KEYS).map((_section) => ruleSection(set, i, item));
    return section === undefined ? [] : [readRule(section, item, seen)];
  });
  const cost = rules.reduce((sum, rule) => sum + rule.cost, 0);
  if (cost > MAX_COST) set.problems.add("rules", "limit", `the expressions cost ${cost} together, at most ${MAX_COST} are allowed`);
  return rules;
}
