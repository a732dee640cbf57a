// The policy part of a rule: what its tickets do once the alarm is on (R1: labels, escalation, flap, mute, runbook). No detection here.

import { type Compiled, compileKey } from "./expression.ts";
import { type MuteWindow, type Rule, SEVERITIES, type Template, type ValueExpression } from "./model.ts";
import { ESCALATION_KEYS, FLAP_KEYS, MUTE_KEYS } from "./rule-keys.ts";
import { childPath, compileAt, isMapping, type Section, show } from "./rule-section.ts";
import { compileTemplate } from "./template.ts";

const MAX_LABELS = 16;
const MAX_DEDUP_KEYS = 3;
const MAX_FLAP_CHANGES = { min: 1, max: 50 };
const DEFAULT_FLAP = { changes: 6, withinMs: 30 * 60_000, quietMs: 15 * 60_000 };
const DAYS: readonly string[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const EVERY_DAY: readonly number[] = [0, 1, 2, 3, 4, 5, 6];

/** The expressions of `dedupKey`, in order. */
export function readDedupKey(rule: Section): Compiled<ValueExpression>[] {
  const items = rule.list("dedupKey") ?? [];
  if (items.length > MAX_DEDUP_KEYS)
    rule.problems.add(rule.pathOf("dedupKey"), "limit", `at most ${MAX_DEDUP_KEYS} values, not ${items.length}`);
  return items.slice(0, MAX_DEDUP_KEYS).flatMap((item, i) => {
    const path = `${rule.pathOf("dedupKey")}[${i}]`;
    const compiled = compileText(rule, path, item, compileKey);
    return compiled === undefined ? [] : [compiled];
  });
}

/** The labels as templates, in order. */
export function readLabels(rule: Section): [string, Compiled<Template>][] {
  const labels = rule.raw("labels");
  if (labels === undefined) return [];
  if (!isMapping(labels)) {
    rule.wrongType("labels", "a mapping of texts");
    return [];
  }
  const entries = Object.entries(labels);
  if (entries.length > MAX_LABELS)
    rule.problems.add(rule.pathOf("labels"), "limit", `at most ${MAX_LABELS} labels, not ${entries.length}`);
  return entries.slice(0, MAX_LABELS).flatMap(([key, text]) => {
    const compiled = compileText(rule, childPath(rule.pathOf("labels"), key), text, compileTemplate);
    return compiled === undefined ? [] : [[key, compiled] as [string, Compiled<Template>]];
  });
}

function compileText<T>(
  rule: Section,
  path: string,
  text: unknown,
  compile: (text: string) => Compiled<T>,
): Compiled<T> | undefined {
  if (typeof text === "string") return compileAt(rule.problems, path, text, compile);
  rule.problems.add(path, "wrong-type", `must be text, not ${show(text)}`);
  return undefined;
}

/** An https URL. */
export function readRunbook(rule: Section): string | undefined {
  const text = rule.text("runbook");
  if (text === undefined) return undefined;
  // The URL parser drops white space silently; here it is an error.
  const url = /[\s\p{Cc}]/u.test(text) ? null : URL.parse(text);
  return url?.protocol === "https:" ? text : rule.badValue("runbook", "an https URL");
}

/** Steps of escalation, soonest first. */
export function readEscalations(rule: Section): Rule["escalateAfter"] {
  const value = rule.raw("escalateAfter");
  if (value === undefined) return [];
  const one = isMapping(value) ? rule.section("escalateAfter", ESCALATION_KEYS) : undefined;
  if (one === undefined && !Array.isArray(value)) {
    rule.wrongType("escalateAfter", "{after, severity} or a list of them");
    return [];
  }
  const sections =
    one === undefined ? rule.sections("escalateAfter", rule.list("escalateAfter") ?? [], ESCALATION_KEYS) : [one];
  const steps = sections.flatMap((section) => {
    section.require("after");
    section.require("severity");
    const afterMs = section.duration("after");
    const severity = section.choice("severity", SEVERITIES);
    return afterMs === undefined || severity === undefined ? [] : [{ afterMs, severity }];
  });
  return steps.sort((a, b) => a.afterMs - b.afterMs);
}

/** Undefined = flapping is not looked for. */
export function readFlap(rule: Section): Rule["flap"] {
  const value = rule.raw("flap");
  if (value === false) return undefined;
  if (value === undefined) return DEFAULT_FLAP;
  if (!isMapping(value)) return rule.wrongType("flap", "{changes, within, quiet} or false");
  const section = rule.section("flap", FLAP_KEYS);
  return {
    changes: section?.integer("changes", MAX_FLAP_CHANGES) ?? DEFAULT_FLAP.changes,
    withinMs: section?.duration("within", 1, "1s") ?? DEFAULT_FLAP.withinMs,
    quietMs: section?.duration("quiet", 1, "1s") ?? DEFAULT_FLAP.quietMs,
  };
}

export function readMute(rule: Section): MuteWindow[] {
  return rule.sections("mute", rule.list("mute") ?? [], MUTE_KEYS).flatMap((section) => {
    section.require("from");
    section.require("to");
    const days = readDays(section);
    const fromMinute = readMinute(section, "from");
    const toMinute = readMinute(section, "to");
    const timeZone = readTimeZone(section);
    if (days === undefined || fromMinute === undefined || toMinute === undefined || timeZone === undefined) return [];
    return [{ days, fromMinute, toMinute, timeZone }];
  });
}

function readDays(section: Section): readonly number[] | undefined {
  const days = section.list("days");
  if (days === undefined) return section.states("days") ? undefined : EVERY_DAY;
  if (days.some((day) => typeof day !== "string")) return section.wrongType("days", "a list of texts");
  const numbers = days.map((day) => DAYS.indexOf(String(day)));
  if (days.length === 0 || numbers.includes(-1)) {
    section.problems.add(section.pathOf("days"), "bad-value", `must be some of ${DAYS.join(", ")}`);
    return undefined;
  }
  return EVERY_DAY.filter((day) => numbers.includes(day));
}

function readMinute(section: Section, key: string): number | undefined {
  const text = section.text(key);
  if (text === undefined) return undefined;
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  return match === null
    ? section.badValue(key, 'a time of day from "00:00" to "23:59"')
    : Number(match[1]) * 60 + Number(match[2]);
}

function readTimeZone(section: Section): string | undefined {
  const timeZone = section.states("timeZone") ? section.text("timeZone") : "UTC";
  if (timeZone === undefined) return undefined;
  try {
    new Intl.DateTimeFormat("en", { timeZone });
    return timeZone;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return section.badValue("timeZone", "a time zone such as Europe/Berlin");
  }
}
