// A rule file to a compiled rule set, or to everything that is wrong with it (R1 to R3, M1 to M3). Reads text, never a file.

import type { Rule, RuleFileResult, RuleSet } from "./model.ts";
import { checkPlainData } from "./plain-data.ts";
import { RULE_KEYS, SET_KEYS, TIME_KEYS } from "./rule-keys.ts";
import { readLevels } from "./rule-levels.ts";
import { readDedupKey, readEscalations, readFlap, readLabels, readMute, readRunbook } from "./rule-policy.ts";
import { isMapping, Problems, Section, show } from "./rule-section.ts";
import { canonicalJson, ruleVersion, setHash } from "./rule-version.ts";
import { readYaml } from "./yaml-data.ts";

const API_VERSION = "alertcast/v1";
const ID = /^[a-z][a-z0-9-]{0,62}$/;
/** Bytes of a rule file (M1). */
export const MAX_FILE_BYTES = 256 * 1024;
const MAX_RULES = 200;
/** The sum of the cost of a set's expressions (M3). */
const MAX_COST = 50_000;
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

function readRules(set: Section): ReadRule[] {
  set.require("rules");
  const items = set.list("rules");
  if (items === undefined) return [];
  if (items.length === 0) set.problems.add("rules", "bad-value", "must hold at least one rule");
  if (items.length > MAX_RULES) set.problems.add("rules", "limit", `at most ${MAX_RULES} rules, not ${items.length}`);
  const seen = new Set<string>();
  const rules = set.sections("rules", items.slice(0, MAX_RULES), RULE_KEYS).map((section) => readRule(section, seen));
  const cost = rules.reduce((sum, rule) => sum + rule.cost, 0);
  if (cost > MAX_COST)
    set.problems.add("rules", "limit", `the expressions cost ${cost} together, at most ${MAX_COST} are allowed`);
  return rules;
}

function readRule(section: Section, seen: Set<string>): ReadRule {
  const id = readId(section, seen);
  const name = section.text("name") ?? id;
  const levels = readLevels(section, name);
  const dedupKey = readDedupKey(section);
  const labels = readLabels(section);
  checkDedupKey(section);
  const rule: Rule = {
    id,
    name,
    enabled: section.bool("enabled") ?? true,
    version: versionOf(section),
    levels: levels.map(({ level }) => level),
    dedupKey: dedupKey.map(({ value }) => value),
    dedupSource: canonicalJson(section.raw("dedupKey") ?? []),
    detectionSource: canonicalJson(levels.map(({ detection }) => detection)),
    labels: Object.fromEntries(labels.map(([key, { value }]) => [key, value])),
    runbook: readRunbook(section),
    autoResolve: section.bool("autoResolve") ?? true,
    reopenWithinMs: section.duration("reopenWithin") ?? DEFAULT_REOPEN_MS,
    manualResolveGraceMs: section.duration("manualResolveGrace") ?? DEFAULT_GRACE_MS,
    escalateAfter: readEscalations(section),
    flap: readFlap(section),
    mute: readMute(section),
  };
  const parts = [...levels, ...dedupKey, ...labels.map(([, label]) => label)];
  return {
    rule,
    cost: parts.reduce((sum, part) => sum + part.cost, 0),
    usesPrevious: parts.some((part) => part.usesPrevious),
  };
}

function readId(section: Section, seen: Set<string>): string {
  section.require("id");
  const id = section.text("id");
  if (id === undefined) return "";
  if (!ID.test(id)) section.badValue("id", "a lower-case letter, then up to 62 of a-z, 0-9 and -");
  if (seen.has(id)) section.problems.add(section.pathOf("id"), "duplicate-id", `another rule has the id ${show(id)}`);
  seen.add(id);
  return id;
}

/** Silence is watched per device: the key of an entry that did not come is unknown. */
function checkDedupKey(section: Section): void {
  const dedupKey = section.raw("dedupKey");
  const levels = section.raw("levels");
  const absent =
    section.states("absent") ||
    (Array.isArray(levels) && levels.some((level) => isMapping(level) && level.absent !== undefined));
  if (!absent || !Array.isArray(dedupKey) || dedupKey.length === 0) return;
  section.problems.add(section.pathOf("dedupKey"), "conflict", "dedupKey does not go with absent");
}

/** The version (C2); of data that JSON cannot say, which is reported elsewhere, there is none. */
function versionOf(section: Section): string {
  return section.problems.errors.length === 0 ? ruleVersion(section.data) : "";
}
