// Decides what the levels of an alarm make of it together: severity, due time, inheritance, stimulus. Pure.
import { fireLevel, levelDueMs } from "./level.ts";
import type { Level, Rule, Severity } from "./model.ts";
import { type Alarm, emptyLevel, type LevelState, type Match } from "./partition-memory.ts";
import type { Grounds, Onset, Stimulus } from "./stimulus.ts";

/** An alarm with nothing to remember yet. */
export function newAlarm(rule: Rule, deviceId: string, dedup: string): Alarm {
  return {
    ruleId: rule.id,
    deviceId,
    dedup,
    levels: rule.levels.map(emptyLevel),
    severity: undefined,
    inherited: undefined,
    inheritedRecoveryMs: Number.NaN,
    offSinceMs: Number.NaN,
    seen: [],
    scheduledMs: Number.POSITIVE_INFINITY,
  };
}

/** D7, C4: the highest active level's severity, else the inherited one, else undefined = off. */
export function severityOf(rule: Rule, alarm: Alarm): Severity | undefined {
  for (let i = 0; i < rule.levels.length; i++) {
    if (alarm.levels[i]?.active) return rule.levels[i]?.severity;
  }
  return alarm.inherited;
}

/** D9: how long after it went off an alarm is remembered, ms. */
export function keepMs(rule: Rule): number {
  return Math.max(rule.reopenWithinMs, rule.manualResolveGraceMs, rule.flap?.withinMs ?? 0);
}

function longestRecoverForMs(rule: Rule): number {
  return Math.max(...rule.levels.map((level) => level.recoverForMs));
}

/** When the alarm's next detector timer is due; Infinity = never. */
export function alarmDueMs(rule: Rule, alarm: Alarm): number {
  let dueMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rule.levels.length; i++) {
    dueMs = Math.min(dueMs, levelDueMs(rule.levels[i] as Level, alarm.levels[i] as LevelState));
  }
  if (alarm.inherited !== undefined && !Number.isNaN(alarm.inheritedRecoveryMs)) {
    dueMs = Math.min(dueMs, alarm.inheritedRecoveryMs + longestRecoverForMs(rule));
  }
  return dueMs;
}

/** Fires every timer of the alarm that is due at `dueMs`. Returns since when the first of them ran. */
export function dueLevelsFire(rule: Rule, alarm: Alarm, dueMs: number): number {
  let sinceMs = dueMs;
  rule.levels.forEach((level, i) => {
    const state = alarm.levels[i] as LevelState;
    if (levelDueMs(level, state) !== dueMs) return;
    sinceMs = Math.min(sinceMs, state.active ? state.recoveryMs || dueMs : state.sinceMs);
    fireLevel(level, state, dueMs);
  });
  if (alarm.levels.some((state) => state.active)) {
    alarm.inherited = undefined;
  } else if (alarm.inherited !== undefined && alarm.inheritedRecoveryMs + longestRecoverForMs(rule) === dueMs) {
    alarm.inherited = undefined;
    alarm.inheritedRecoveryMs = Number.NaN;
  }
  return sinceMs;
}

/**
 * C4: an inherited alarm is on until a level becomes active, or an entry is a recovery for all levels and stays so for
 * the longest `recoverFor`.
 */
export function inheritedStep(
  rule: Rule,
  alarm: Alarm,
  recoveries: readonly (boolean | undefined)[],
  atMs: number,
): void {
  if (alarm.levels.some((state) => state.active)) {
    alarm.inherited = undefined;
    alarm.inheritedRecoveryMs = Number.NaN;
  } else if (recoveries.every((r) => r === true)) {
    if (longestRecoverForMs(rule) === 0) alarm.inherited = undefined;
    else if (Number.isNaN(alarm.inheritedRecoveryMs)) alarm.inheritedRecoveryMs = atMs;
  } else if (recoveries.some((r) => r === false)) {
    alarm.inheritedRecoveryMs = Number.NaN;
  }
}

interface Change {
  readonly atMs: number;
  readonly cause: "entry" | "timer";
  readonly matched: boolean;
  readonly dueMs?: number;
  readonly sinceMs?: number;
}

/** What settlement has to hear of a change, undefined = nothing. Also keeps the alarm's book: when it went off. */
export function stimulusOf(
  rule: Rule,
  alarm: Alarm,
  before: Severity | undefined,
  change: Change,
): Stimulus | undefined {
  const after = alarm.severity;
  const matched = change.matched && before !== undefined && after !== undefined;
  if (before === after && !matched) return undefined;
  if (before !== undefined && after === undefined) {
    alarm.offSinceMs = change.atMs;
    for (const state of alarm.levels) state.fresh = 0;
  }
  const changed = before !== after && after !== undefined;
  return {
    atMs: change.atMs,
    cause: change.cause,
    rule,
    deviceId: alarm.deviceId,
    dedup: alarm.dedup,
    before,
    after,
    matched,
    onset: before === undefined && after !== undefined ? onsetOf(rule, alarm) : undefined,
    grounds: changed ? groundsOf(rule, alarm, change) : undefined,
  };
}

/** L1 over the levels that are active now; several that begin in one stimulus count as their longest streak. */
function onsetOf(rule: Rule, alarm: Alarm): Onset {
  let firstSeenMs = Number.POSITIVE_INFINITY;
  let lastSeenMs = Number.NEGATIVE_INFINITY;
  let occurrences = 0;
  let fresh = 0;
  rule.levels.forEach((level, i) => {
    const state = alarm.levels[i] as LevelState;
    if (!state.active) return;
    firstSeenMs = Math.min(firstSeenMs, level.withinMs === undefined ? state.sinceMs : (state.window[0] as number));
    lastSeenMs = Math.max(lastSeenMs, state.last?.atMs ?? firstSeenMs);
    occurrences = Math.max(occurrences, level.withinMs === undefined ? state.streak : state.window.length);
    fresh = Math.max(fresh, level.withinMs === undefined ? state.streak : state.fresh);
  });
  return { firstSeenMs, lastSeenMs, occurrences, fresh };
}

function groundsOf(rule: Rule, alarm: Alarm, change: Change): Grounds | undefined {
  const i = alarm.levels.findIndex((state) => state.active);
  const level = rule.levels[i];
  const match: Match | undefined = alarm.levels[i]?.last;
  if (level === undefined || match === undefined) return undefined;
  return { level, match, sinceMs: change.sinceMs ?? change.atMs, dueMs: change.dueMs };
}

/** True if one of these alarms is of the rule. */
export function hasAlarm(list: readonly Alarm[], ruleId: string): boolean {
  for (const alarm of list) if (alarm.ruleId === ruleId) return true;
  return false;
}

/** True if an entry that does not match changes nothing: the alarm is off and no streak is under way. */
export function isQuiet(alarm: Alarm): boolean {
  if (alarm.severity !== undefined) return false;
  for (const state of alarm.levels) if (state.active || state.streak !== 0) return false;
  return true;
}
