// What a partition remembers between entries: its clock, its devices, and the alarms that have something to remember.
// Plain data, changed by detect.ts only.
import { DeviceTable } from "./device-table.ts";
import type { Severity } from "./model.ts";

/** A matching entry, kept as long as a level may still have to speak about it (reasons and evidence of timers). */
export interface Match {
  readonly partition: number;
  readonly offset: number;
  readonly appendTimeMs: number;
  /** Log time of the entry. */
  readonly atMs: number;
  /** The event's JSON text as sent. */
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly eventId: string | undefined;
  /** The believed event time, else the log time. */
  readonly eventTimeMs: number;
  readonly traceId: string | undefined;
  /** What `device.last_seen` was for it; NaN = none. */
  readonly lastSeenMs: number;
  /** What `previous` was for it. */
  readonly previous: Previous | undefined;
}

export interface LevelState {
  active: boolean;
  /** Matches of the streak (D1); 0 = none. */
  streak: number;
  /** Log time of the streak's first match; NaN without a streak. */
  sinceMs: number;
  /** Times of the newest matches, oldest first, at most `count` (D4). */
  window: number[];
  /** Matches in the window since the alarm went off, which no ticket has counted (L3). */
  fresh: number;
  /** When the recovery under way began (D3); NaN = none. */
  recoveryMs: number;
  last: Match | undefined;
}

export interface Alarm {
  readonly ruleId: string;
  readonly deviceId: string;
  /** JSON array of the dedup key's values; "" without a dedup key. */
  readonly dedup: string;
  readonly levels: LevelState[];
  /** Severity while on, undefined while off. */
  severity: Severity | undefined;
  /** C4: on at this severity although no level of the new rule is active yet. */
  inherited: Severity | undefined;
  inheritedRecoveryMs: number;
  /** Log time at which it last went off; NaN = it was never on. */
  offSinceMs: number;
  /** Identities of the last entries known to it, oldest first (D8, identity.ts). */
  readonly seen: number[];
  /** Due time of its newest entry in the timer heap; Infinity = none. */
  scheduledMs: number;
}

/** A level with nothing to remember. */
export function emptyLevel(): LevelState {
  return {
    active: false,
    streak: 0,
    sinceMs: Number.NaN,
    window: [],
    fresh: 0,
    recoveryMs: Number.NaN,
    last: undefined,
  };
}

/** What a device's `previous` is: fields of its last accepted entry, and that entry's offset (C4). */
export interface Previous {
  readonly offset: number;
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface PartitionMemory {
  clockMs: number;
  readonly devices: DeviceTable;
  /** By slot of the device; only devices that have an alarm with something to remember. */
  readonly alarms: Map<number, Alarm[]>;
  /** By slot; filled only while a rule reads `previous`. */
  readonly previous: Map<number, Previous>;
  /** Newest origin offset taken, per origin partition (T8). */
  readonly origins: Map<number, number>;
  /** First offset a rule's detection saw (C4: what came before is not `previous` to it). */
  readonly ruleSince: Map<string, number>;
}

export function createMemory(): PartitionMemory {
  return {
    clockMs: Number.NEGATIVE_INFINITY,
    devices: new DeviceTable(),
    alarms: new Map(),
    previous: new Map(),
    origins: new Map(),
    ruleSince: new Map(),
  };
}
