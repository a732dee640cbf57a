// The detection part of a rule: its levels, what they take from the rule, and what excludes what (R1, C3).

import { type Compiled, compileCondition, compileNumber } from "./expression.ts";
import {
  type Condition,
  type Level,
  type RateSpec,
  SEVERITIES,
  type Severity,
  severityRank,
  type Template,
} from "./model.ts";
import { COUNT_KEYS, LEVEL_KEYS, RATE_KEYS } from "./rule-keys.ts";
import type { Section } from "./rule-section.ts";
import { compileTemplate, plainTemplate } from "./template.ts";

const MAX_LEVELS = 4;
const MAX_COUNT = { min: 1, max: 32 };
const MIN_ABSENT_MS = 30_000;
const DEFAULT_PER_MS = 60_000;
const DEFAULT_MIN_INTERVAL_MS = 10_000;

/** A level, and what its rule and set have to know of it. */
export interface ReadLevel {
  readonly level: Level;
  readonly cost: number;
  readonly usesPrevious: boolean;
  /** Its detection keys after defaults, durations in ms (C3). */
  readonly detection: Readonly<Record<string, unknown>>;
}

/** What a rule or one of its levels states; undefined = not stated, or wrong and reported. */
interface Stated {
  readonly section: Section;
  readonly when: Compiled<Condition> | undefined;
  readonly rate: Compiled<RateSpec> | undefined;
  readonly absentMs: number | undefined;
  readonly forMs: number | undefined;
  readonly count: { readonly count: number; readonly withinMs: number | undefined } | undefined;
  readonly recover: Compiled<Condition> | undefined;
  readonly recoverForMs: number | undefined;
  readonly reason: Compiled<Template> | undefined;
}

/** The levels of a rule, highest severity first; `name` is the default reason. Problems go to the section's. */
export function readLevels(rule: Section, name: string): ReadLevel[] {
  const common = readStated(rule);
  if (!rule.states("levels")) {
    rule.require("severity");
    requireDetector(common, common);
    checkConflicts(common, common);
    return [makeLevel(common, common, rule.choice("severity", SEVERITIES), name)];
  }
  if (rule.states("severity"))
    rule.problems.add(rule.pathOf("severity"), "conflict", "a rule has either severity or levels");
  const items = rule.list("levels");
  if (items === undefined) return [];
  if (items.length === 0) rule.badValue("levels", "a list of one to four levels");
  if (items.length > MAX_LEVELS)
    rule.problems.add(rule.pathOf("levels"), "limit", `at most ${MAX_LEVELS} levels, not ${items.length}`);
  const levels = rule.sections("levels", items.slice(0, MAX_LEVELS), LEVEL_KEYS).map(readStated);
  checkAbsence(rule, common, levels);
  const severities = readSeverities(levels);
  const read = levels.map((own, i) => {
    requireDetector(own, common);
    checkConflicts(own, common);
    return makeLevel(own, common, severities[i], name);
  });
  return read.sort((a, b) => severityRank(b.level.severity) - severityRank(a.level.severity));
}

function readSeverities(levels: readonly Stated[]): (Severity | undefined)[] {
  const seen = new Set<Severity>();
  return levels.map(({ section }) => {
    section.require("severity");
    const severity = section.choice("severity", SEVERITIES);
    if (severity === undefined) return undefined;
    if (seen.has(severity))
      section.problems.add(section.pathOf("severity"), "conflict", `two levels have the severity ${severity}`);
    seen.add(severity);
    return severity;
  });
}

function readStated(section: Section): Stated {
  return {
    section,
    when: section.compiled("when", compileCondition),
    rate: readRate(section.section("rate", RATE_KEYS)),
    absentMs: section.duration("absent", MIN_ABSENT_MS, "30s"),
    forMs: section.duration("for"),
    count: readCount(section),
    recover: section.compiled("recover", compileCondition),
    recoverForMs: section.duration("recoverFor"),
    reason: section.compiled("reason", compileTemplate),
  };
}

function readRate(section: Section | undefined): Compiled<RateSpec> | undefined {
  if (section === undefined) return undefined;
  section.require("of");
  if (!section.states("above") && !section.states("below")) {
    section.problems.add(section.path, "missing-key", "needs above or below");
  }
  const of = section.compiled("of", compileNumber);
  const rest = {
    perMs: section.duration("per", 1, "1s") ?? DEFAULT_PER_MS,
    above: section.number("above"),
    below: section.number("below"),
    minIntervalMs: section.duration("minInterval", 1, "1s") ?? DEFAULT_MIN_INTERVAL_MS,
  };
  return of === undefined ? undefined : { ...of, value: { of: of.value, ...rest } };
}

function readCount(section: Section): Stated["count"] {
  const value = section.raw("count");
  if (value === undefined) return undefined;
  if (typeof value === "number") {
    const count = section.integer("count", MAX_COUNT);
    return count === undefined ? undefined : { count, withinMs: undefined };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return section.wrongType("count", "a number or {events, within}");
  const window = section.section("count", COUNT_KEYS);
  window?.require("events");
  window?.require("within");
  const count = window?.integer("events", MAX_COUNT);
  const withinMs = window?.duration("within", 1, "1s");
  return count === undefined || withinMs === undefined ? undefined : { count, withinMs };
}

function requireDetector(own: Stated, common: Stated): void {
  if (["when", "rate", "absent"].some((key) => own.section.states(key) || common.section.states(key))) return;
  own.section.problems.add(own.section.path, "missing-key", "needs when, rate or absent");
}

function checkAbsence(rule: Section, common: Stated, levels: readonly Stated[]): void {
  const absent = levels.filter((level) => level.section.states("absent")).length;
  if (common.section.states("absent") || absent === 0 || absent === levels.length) return;
  rule.problems.add(rule.pathOf("levels"), "conflict", "absent must be in all levels or in none");
}

/** A value equal to the default counts as not stated: it is how a level takes back what its rule says. */
function checkConflicts(own: Stated, common: Stated): void {
  const holder = (key: string): Section => (own.section.states(key) ? own : common).section;
  const count = own.count ?? common.count;
  const lasts = (own.forMs ?? common.forMs ?? 0) > 0;
  const absent = holder("absent");
  if (absent.states("absent")) {
    const others = [
      ...(lasts ? ["for"] : []),
      ...(count !== undefined && (count.count > 1 || count.withinMs !== undefined) ? ["count"] : []),
      ...["rate", "recover"].filter((key) => holder(key).states(key)),
    ];
    if (others.length > 0)
      absent.problems.add(absent.pathOf("absent"), "conflict", `absent does not go with ${others.join(", ")}`);
  }
  if (lasts && count?.withinMs !== undefined) {
    const section = holder("count");
    section.problems.add(section.pathOf("count"), "conflict", "count within a time does not go with for");
  }
}

function makeLevel(own: Stated, common: Stated, severity: Severity | undefined, name: string): ReadLevel {
  const when = own.when ?? common.when;
  const rate = own.rate ?? common.rate;
  const recover = own.recover ?? common.recover;
  const reason = own.reason ?? common.reason;
  const count = own.count ?? common.count ?? { count: 1, withinMs: undefined };
  const level: Level = {
    severity: severity ?? "low",
    when: when?.value,
    rate: rate?.value,
    absentMs: own.absentMs ?? common.absentMs,
    forMs: own.forMs ?? common.forMs ?? 0,
    count: count.count,
    withinMs: count.withinMs,
    recover: recover?.value,
    recoverForMs: own.recoverForMs ?? common.recoverForMs ?? 0,
    reason: reason?.value ?? plainTemplate(name),
  };
  const parts = [when, rate, recover, reason].filter((part) => part !== undefined);
  return {
    level,
    cost: parts.reduce((sum, part) => sum + part.cost, 0),
    usesPrevious: parts.some((part) => part.usesPrevious),
    detection: detectionOf(level, own.section, common.section),
  };
}

function detectionOf(level: Level, own: Section, common: Section): Record<string, unknown> {
  const source = (key: string): unknown => (own.states(key) ? own : common).raw(key);
  const rate = source("rate");
  const of = typeof rate === "object" && rate !== null && "of" in rate ? rate.of : undefined;
  return {
    severity: level.severity,
    when: source("when"),
    rate: level.rate === undefined ? undefined : { ...level.rate, of },
    absentMs: level.absentMs,
    forMs: level.forMs,
    count: level.count,
    withinMs: level.withinMs,
    recover: source("recover"),
    recoverForMs: level.recoverForMs,
  };
}
