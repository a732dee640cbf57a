// What detection tells settlement: one change or one further match of one alarm. Types only.

import type { Level, Rule, Severity } from "./model.ts";
import type { Match } from "./partition-memory.ts";

export interface Stimulus {
  /** Log time of the entry, or the due time of the timer. */
  readonly atMs: number;
  readonly cause: "entry" | "timer";
  readonly rule: Rule;
  readonly deviceId: string;
  /** JSON array of the dedup key's values; "" without a dedup key. */
  readonly dedup: string;
  /** The alarm's severity before and after; undefined = off. */
  readonly before: Severity | undefined;
  readonly after: Severity | undefined;
  /** Whether the entry matched while the alarm was on already (L2). */
  readonly matched: boolean;
  /** Set when the alarm goes on (L1). */
  readonly onset: Onset | undefined;
  /** What reason and evidence speak about: set when it goes on or changes severity. */
  readonly grounds: Grounds | undefined;
}

export interface Onset {
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** Matches of the streak or window. */
  readonly occurrences: number;
  /** What a reopening adds: the streak's matches, or the window's since the alarm went off (L3). */
  readonly fresh: number;
}

export interface Grounds {
  readonly level: Level;
  readonly match: Match;
  readonly sinceMs: number;
  /** Due time, for timers. */
  readonly dueMs: number | undefined;
}

/** Why a rule set's change ended a rule (C5, C6). */
export interface RemovedRule {
  readonly ruleId: string;
  readonly why: "rule-removed" | "rule-disabled";
}

/** How often detection met what it counts. */
export interface DetectCounts {
  late: number;
  badTs: number;
  quarantined: number;
  away: number;
  movedTwice: number;
  repeated: number;
  /** By rule: events with a level that could not be judged, ... */
  readonly unknown: Map<string, number>;
  /** ... events that matched with every level judged, ... */
  readonly matched: Map<string, number>;
  /** ... and events that its alarm had taken before, which were not judged again. The rest was false, and is not counted. */
  readonly skipped: Map<string, number>;
}
