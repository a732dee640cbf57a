// Decides what one entry or one timer does to one level of one alarm (D1-D4). Pure: no clock, no I/O.

import type { Level, Scope } from "./model.ts";
import type { LevelState, Match } from "./partition-memory.ts";

/** True while the last `count` matches lie in (t - within, t]. */
function windowFull(level: Level, state: LevelState, withinMs: number, atMs: number): boolean {
  return state.window.length === level.count && (state.window[0] as number) > atMs - withinMs;
}

/** Drops what left the window of an inactive level, so that it is forgotten in time (D9). */
export function pruneWindow(level: Level, state: LevelState, atMs: number): void {
  if (level.withinMs === undefined || state.active) return;
  while (state.window.length > 0 && (state.window[0] as number) <= atMs - level.withinMs) state.window.shift();
  if (state.fresh > state.window.length) state.fresh = state.window.length;
}

function addToWindow(level: Level, state: LevelState, atMs: number): void {
  state.window.push(atMs);
  if (state.window.length > level.count) state.window.shift();
  state.fresh = Math.min(state.fresh + 1, level.count);
}

/** Ends the level: what it would have to begin anew is forgotten. */
function end(level: Level, state: LevelState): void {
  state.active = false;
  state.recoveryMs = Number.NaN;
  state.streak = 0;
  state.sinceMs = Number.NaN;
  state.last = undefined;
  if (level.withinMs !== undefined && level.recover !== undefined) state.window = [];
  state.fresh = 0;
}

/** Clears the streak of an inactive level (D1). */
function clearStreak(state: LevelState): void {
  state.streak = 0;
  state.sinceMs = Number.NaN;
  state.last = undefined;
}

function matchInactive(level: Level, state: LevelState, match: Match): void {
  const atMs = match.atMs;
  state.last = match;
  if (level.withinMs !== undefined) {
    addToWindow(level, state, atMs);
    state.active = windowFull(level, state, level.withinMs, atMs);
    return;
  }
  if (state.streak === 0) state.sinceMs = atMs;
  state.streak++;
  state.active = state.streak >= level.count && atMs >= state.sinceMs + level.forMs;
}

function matchActive(level: Level, state: LevelState, match: Match): void {
  state.last = match;
  if (level.withinMs === undefined) {
    state.recoveryMs = Number.NaN;
    return;
  }
  addToWindow(level, state, match.atMs);
  const full = windowFull(level, state, level.withinMs, match.atMs);
  if (full || level.recover !== undefined) state.recoveryMs = Number.NaN;
}

/**
 * What r is for an entry whose m is not true: the recovery condition, or not m. A window without `recover` ends by its
 * timer alone (D4), so r stays unknown there.
 */
function recovery(level: Level, m: boolean | undefined, scope: Scope): boolean | undefined {
  if (level.recover !== undefined) return level.recover.evaluate(scope);
  if (level.withinMs !== undefined) return undefined;
  return m === false ? true : undefined;
}

/** What r is for one level of an inherited alarm (C4); a match is no recovery. */
export function inheritedRecovery(level: Level, m: boolean | undefined, scope: Scope): boolean | undefined {
  if (m === true) return false;
  if (level.recover !== undefined) return level.recover.evaluate(scope);
  return m === false ? true : undefined;
}

/**
 * One entry at log time `atMs` against one level.
 * @param m whether the condition holds; undefined = unknown
 * @param match the entry, needed when m is true
 * @param scope what `recover` reads; it is evaluated only where it matters
 * @returns whether the level's own recovery condition was evaluated and known (D8)
 */
export function applyToLevel(
  level: Level,
  state: LevelState,
  m: boolean | undefined,
  match: Match | undefined,
  atMs: number,
  scope: Scope,
): boolean {
  if (m === true && match !== undefined) {
    if (state.active) matchActive(level, state, match);
    else matchInactive(level, state, match);
    return false;
  }
  if (!state.active) {
    if (m === false && level.withinMs === undefined && state.streak !== 0) clearStreak(state);
    return false;
  }
  const r = recovery(level, m, scope);
  if (r === true) {
    if (level.recoverForMs === 0) end(level, state);
    else if (Number.isNaN(state.recoveryMs)) state.recoveryMs = atMs;
  } else if (r === false) {
    state.recoveryMs = Number.NaN;
  }
  return level.recover !== undefined && r !== undefined;
}

/** When the level's next timer is due (D2, D3, D4); Infinity = never. */
export function levelDueMs(level: Level, state: LevelState): number {
  if (!state.active) {
    if (level.withinMs !== undefined || state.streak < level.count) return Number.POSITIVE_INFINITY;
    return state.sinceMs + level.forMs;
  }
  if (!Number.isNaN(state.recoveryMs)) return state.recoveryMs + level.recoverForMs;
  if (level.withinMs !== undefined && level.recover === undefined) return (state.window[0] as number) + level.withinMs;
  return Number.POSITIVE_INFINITY;
}

/** Fires the level's timer that is due at `dueMs`. */
export function fireLevel(level: Level, state: LevelState, dueMs: number): void {
  if (!state.active) {
    state.active = true;
    return;
  }
  if (Number.isNaN(state.recoveryMs) && level.recoverForMs > 0) {
    state.recoveryMs = dueMs;
    return;
  }
  end(level, state);
}

/** True if an inactive level has nothing to remember. */
export function levelIsEmpty(state: LevelState): boolean {
  return !state.active && state.streak === 0 && state.window.length === 0;
}
