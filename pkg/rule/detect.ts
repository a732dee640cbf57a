// Decides what one entry of a partition does to the memory of that partition, and which stimuli come of it.
// Pure: no clock, no I/O, and it never reads a ticket.
import { believed } from "../event/decode.ts";
import { dueLevelsFire, hasAlarm, inheritedStep, isQuiet, newAlarm, severityOf, stimulusOf } from "./alarm.ts";
import { AlarmBook } from "./alarm-book.ts";
import { LAST_SEEN, NEWEST_EVENT, NEWEST_LOG } from "./device-table.ts";
import { type Current, type Entry, type EventEntry, identityOf, matchOf } from "./entry.ts";
import { type HealthyTest, healthyTest } from "./healthy.ts";
import { addIdentity, dedupOf, identityOfBytes, identityOfValue, isRepeat, textOf } from "./identity.ts";
import { applyToLevel, inheritedRecovery } from "./level.ts";
import type { Level, Rule, RuleSet, Scope } from "./model.ts";
import type { Alarm, LevelState, Match, PartitionMemory, Previous } from "./partition-memory.ts";
import type { DetectCounts, RemovedRule, Stimulus } from "./stimulus.ts";

/** D8: how many identities an alarm remembers. */
export const REMEMBERED_IDENTITIES = 32;

interface MutableScope {
  event: Readonly<Record<string, unknown>>;
  deviceId: string;
  lastSeenMs: number;
  previous: Readonly<Record<string, unknown>> | undefined;
}

export interface DetectorOptions {
  /** Identities an alarm remembers (D8); 0 takes the check out, which only tests do, to see it missed. */
  readonly rememberedIdentities?: number;
}

const MATCHED = 1;
const UNKNOWN = 2;
const KNOWN = 4;

function noCounts(): DetectCounts {
  return {
    late: 0,
    badTs: 0,
    quarantined: 0,
    away: 0,
    movedTwice: 0,
    repeated: 0,
    unknown: new Map(),
    matched: new Map(),
    skipped: new Map(),
  };
}

function countFor(rule: Rule, counts: Map<string, number>): void {
  counts.set(rule.id, (counts.get(rule.id) ?? 0) + 1);
}

export class Detector {
  readonly #memory: PartitionMemory;
  readonly #book: AlarmBook;
  readonly #scope: MutableScope = { event: {}, deviceId: "", lastSeenMs: Number.NaN, previous: undefined };
  readonly #values: (boolean | undefined)[] = [];
  readonly #identities: number;
  #ruleSet: RuleSet;
  #rules: readonly Rule[] = [];
  #counts = noCounts();
  #healthy: HealthyTest | undefined;
  /** The device that was asked for last, and its slot. */
  #lastId = "";
  #lastSlot = -1;

  constructor(memory: PartitionMemory, ruleSet: RuleSet, options: DetectorOptions = {}) {
    this.#memory = memory;
    this.#ruleSet = ruleSet;
    this.#identities = options.rememberedIdentities ?? REMEMBERED_IDENTITIES;
    this.#book = new AlarmBook(memory);
    this.#use(ruleSet);
    this.#book.scheduleAll();
  }

  get memory(): PartitionMemory {
    return this.#memory;
  }

  get ruleSet(): RuleSet {
    return this.#ruleSet;
  }

  /** What was counted since the last call. */
  takeCounts(): DetectCounts {
    const taken = this.#counts;
    this.#counts = noCounts();
    return taken;
  }

  /** True if a device has been seen here before, so this is its home. The next entry is likely to be of this device. */
  knows(deviceId: string): boolean {
    this.#lastId = deviceId;
    this.#lastSlot = this.#memory.devices.find(deviceId);
    return this.#lastSlot >= 0;
  }

  /** Applies one entry: timers due by its log time first (T2), then the entry. Stimuli are appended to `out`. */
  apply(entry: Entry, out: Stimulus[]): void {
    this.#moveClock(entry.appendTimeMs, out);
    if (entry.kind === "event") this.#applyEvent(entry, out);
    else if (entry.kind === "undecodable") this.#counts.quarantined++;
    else if (entry.kind === "away") this.#counts.away++;
  }

  /**
   * The way of most entries: a plain event of a known device that remembers no alarm, and no condition holds. It is
   * applied straight from its bytes. False for any other, of which then only the clock has moved: decode it and apply().
   * @param value the bytes of a record that is no moved copy
   */
  applyHealthy(value: Buffer, appendTimeMs: number, out: Stimulus[]): boolean {
    const healthy = this.#healthy;
    if (healthy === undefined || !healthy.reader.read(value)) return false;
    const { reader } = healthy;
    const slot = this.#memory.devices.findBytes(value, reader.idStart, reader.idEnd);
    if (slot < 0) return false;
    this.#moveClock(appendTimeMs, out);
    const alarms = this.#memory.alarms.get(slot);
    if (alarms !== undefined && !alarms.every(isQuiet)) return false;
    const { tsMs } = reader;
    const atMs = this.#memory.clockMs;
    const believedTs = believed(tsMs, atMs, this.#ruleSet.maxFutureMs);
    const late = believedTs && this.#isLate(slot, tsMs, atMs);
    if (!late && !this.#isHealthy(healthy)) return false;
    this.#note(slot, tsMs, atMs, believedTs, late);
    if (alarms === undefined || late || this.#identities === 0) return true;
    const { eventIdStart, eventIdEnd } = reader;
    const identity =
      eventIdEnd > 0 ? identityOfBytes(value, eventIdStart, eventIdEnd) : identityOfValue(value, tsMs, believedTs);
    for (const alarm of alarms) {
      if (isRepeat(alarm, identity)) this.#counts.repeated++;
      else addIdentity(alarm, identity, this.#identities);
    }
    return true;
  }

  /** True if no condition holds and none is unknown. */
  #isHealthy({ reader, conditions }: HealthyTest): boolean {
    const scope = this.#scope;
    scope.event = reader.fields;
    for (const condition of conditions) if (condition.evaluate(scope) !== false) return false;
    return true;
  }

  #moveClock(appendTimeMs: number, out: Stimulus[]): void {
    const memory = this.#memory;
    if (appendTimeMs > memory.clockMs) memory.clockMs = appendTimeMs;
    if (this.#book.nextDueMs <= memory.clockMs) this.#fireTimers(memory.clockMs, out);
  }

  /** T5, for a believed ts. */
  #isLate(slot: number, tsMs: number, atMs: number): boolean {
    const { times } = this.#memory.devices;
    return (
      tsMs < (times[slot + NEWEST_EVENT] as number) &&
      atMs - (times[slot + NEWEST_LOG] as number) <= this.#ruleSet.outOfOrderWindowMs
    );
  }

  /** Keeps the device's times, and counts what its ts was worth (T4, T5). */
  #note(slot: number, tsMs: number, atMs: number, believedTs: boolean, late: boolean): void {
    const { times } = this.#memory.devices;
    times[slot + LAST_SEEN] = atMs;
    if (late) {
      this.#counts.late++;
    } else if (believedTs) {
      times[slot + NEWEST_EVENT] = tsMs;
      times[slot + NEWEST_LOG] = atMs;
    } else if (!Number.isNaN(tsMs)) {
      this.#counts.badTs++;
    }
  }

  /**
   * Puts another rule set into force between two entries (C1-C6).
   * @param nextOffset the first offset under the new set
   * @returns the rules whose tickets have to be resolved
   */
  activate(ruleSet: RuleSet, nextOffset: number): RemovedRule[] {
    const old = this.#book.rules;
    const removed: RemovedRule[] = [];
    this.#use(ruleSet);
    const next = this.#book.rules;
    for (const rule of this.#rules) {
      if (old.get(rule.id)?.detectionSource !== rule.detectionSource) this.#memory.ruleSince.set(rule.id, nextOffset);
    }
    for (const rule of old.values()) {
      if (next.get(rule.id)?.dedupSource === rule.dedupSource) continue;
      const disabled = !next.has(rule.id) && ruleSet.rules.some((r) => r.id === rule.id);
      removed.push({ ruleId: rule.id, why: disabled ? "rule-disabled" : "rule-removed" });
    }
    this.#book.passOn(old, new Set(removed.map((r) => r.ruleId)));
    if (!ruleSet.usesPrevious) this.#memory.previous.clear();
    return removed;
  }

  /** Forgets alarms that D9 lets go of by now, so that a snapshot does not carry them. */
  sweep(): void {
    this.#book.sweep();
  }

  #use(ruleSet: RuleSet): void {
    this.#ruleSet = ruleSet;
    this.#rules = ruleSet.rules.filter((rule) => rule.enabled);
    this.#book.use(this.#rules);
    this.#healthy = healthyTest(ruleSet);
  }

  #applyEvent(entry: EventEntry, out: Stimulus[]): void {
    const memory = this.#memory;
    if (entry.origin !== undefined) {
      const newest = memory.origins.get(entry.origin.partition);
      if (newest !== undefined && entry.origin.offset <= newest) {
        this.#counts.movedTwice++;
        return;
      }
      memory.origins.set(entry.origin.partition, entry.origin.offset);
    }
    const { event } = entry;
    const devices = memory.devices;
    const atMs = memory.clockMs;
    let slot = event.deviceId === this.#lastId ? this.#lastSlot : devices.find(event.deviceId);
    if (slot < 0) slot = devices.add(event.deviceId);
    this.#lastSlot = slot;
    this.#lastId = event.deviceId;
    const lastSeenMs = devices.times[slot + LAST_SEEN] as number;
    const believedTs = believed(event.tsMs, atMs, this.#ruleSet.maxFutureMs);
    const late = believedTs && this.#isLate(slot, event.tsMs, atMs);
    this.#note(slot, event.tsMs, atMs, believedTs, late);
    if (late) return;
    this.#applyRules(entry, slot, atMs, believedTs, lastSeenMs, out);
  }

  #applyRules(
    entry: EventEntry,
    slot: number,
    atMs: number,
    believedTs: boolean,
    lastSeenMs: number,
    out: Stimulus[],
  ): void {
    const usesPrevious = this.#ruleSet.usesPrevious;
    const previous = usesPrevious ? this.#memory.previous.get(slot) : undefined;
    const scope = this.#scope;
    scope.event = entry.event.fields;
    scope.deviceId = entry.event.deviceId;
    scope.lastSeenMs = lastSeenMs;
    scope.previous = previous?.fields;
    let current: Current | undefined;
    const alarms = this.#memory.alarms;
    const list = alarms.size > 0 ? alarms.get(slot) : undefined;
    for (const rule of this.#rules) {
      if (previous !== undefined) scope.previous = this.#visible(rule, previous)?.fields;
      const isNew = rule.dedupKey.length === 0 && (list === undefined || !hasAlarm(list, rule.id));
      if (isNew && !this.#anyMatch(rule, scope)) continue;
      current ??= { entry, slot, atMs, believedTs, lastSeenMs, previous, identity: undefined, match: undefined };
      this.#applyRule(rule, current, out);
    }
    if (usesPrevious) {
      const text = current?.match?.text ?? textOf(entry.value);
      this.#memory.previous.set(slot, { offset: entry.offset, text, fields: entry.event.fields });
    }
  }

  /** `previous` as a rule may see it: not from before its detection changed (C4). */
  #visible(rule: Rule, previous: Previous): Previous | undefined {
    return previous.offset >= (this.#memory.ruleSince.get(rule.id) ?? 0) ? previous : undefined;
  }

  /** The way of a healthy event: nothing remembered, nothing matches. Unknown is counted here unless something matches. */
  #anyMatch(rule: Rule, scope: Scope): boolean {
    let unknown = false;
    for (const level of rule.levels) {
      const m = level.when?.evaluate(scope);
      if (m === true) return true;
      if (m === undefined) unknown = true;
    }
    if (unknown) countFor(rule, this.#counts.unknown);
    return false;
  }

  #applyRule(rule: Rule, current: Current, out: Stimulus[]): void {
    const dedup = dedupOf(rule, this.#scope);
    if (dedup === undefined) {
      countFor(rule, this.#counts.unknown);
      return;
    }
    const deviceId = current.entry.event.deviceId;
    let alarm = this.#book.find(current.slot, rule, dedup, current.atMs);
    if (alarm !== undefined && this.#identities > 0 && isRepeat(alarm, identityOf(current))) {
      this.#counts.repeated++;
      countFor(rule, this.#counts.skipped);
      return;
    }
    const seen = this.#evaluate(rule);
    const matched = (seen & MATCHED) !== 0;
    if (seen & UNKNOWN) countFor(rule, this.#counts.unknown);
    if (alarm === undefined) {
      if (!matched) return;
      alarm = newAlarm(rule, deviceId, dedup);
      if (!this.#book.remember(alarm, rule, current.slot)) {
        if (!(seen & UNKNOWN)) countFor(rule, this.#counts.unknown);
        return;
      }
    } else if (!matched && isQuiet(alarm)) {
      // Off, nothing pending, no match: nothing to change but what it has seen.
      if (seen & KNOWN) addIdentity(alarm, identityOf(current), this.#identities);
      return;
    }
    if (matched && !(seen & UNKNOWN)) countFor(rule, this.#counts.matched);
    const before = alarm.severity;
    const known = this.#step(rule, alarm, current, matched);
    if (known || seen & KNOWN) addIdentity(alarm, identityOf(current), this.#identities);
    const stimulus = stimulusOf(rule, alarm, before, { atMs: current.atMs, cause: "entry", matched });
    if (stimulus !== undefined) out.push(stimulus);
    this.#book.settle(alarm, current.slot, current.atMs);
  }

  /** Evaluates every level's condition into #values; returns which of MATCHED, UNKNOWN and KNOWN there was. */
  #evaluate(rule: Rule): number {
    let seen = 0;
    for (let i = 0; i < rule.levels.length; i++) {
      const m = rule.levels[i]?.when?.evaluate(this.#scope);
      this.#values[i] = m;
      seen |= m === undefined ? UNKNOWN : m ? MATCHED | KNOWN : KNOWN;
    }
    return seen;
  }

  /** Applies the entry to each level. Returns whether a recovery condition was known (D8). */
  #step(rule: Rule, alarm: Alarm, current: Current, matched: boolean): boolean {
    const match = matched ? this.#matchOf(rule, current) : undefined;
    if (alarm.inherited !== undefined) return this.#stepInherited(rule, alarm, current, match);
    let known = false;
    for (let i = 0; i < rule.levels.length; i++) {
      const level = rule.levels[i] as Level;
      const state = alarm.levels[i] as LevelState;
      if (applyToLevel(level, state, this.#values[i], match, current.atMs, this.#scope)) known = true;
    }
    alarm.severity = severityOf(rule, alarm);
    return known;
  }

  /** C4. */
  #stepInherited(rule: Rule, alarm: Alarm, current: Current, match: Match | undefined): boolean {
    let known = false;
    const recoveries = rule.levels.map((level, i) => {
      const r = inheritedRecovery(level, this.#values[i], this.#scope);
      if (level.recover !== undefined && r !== undefined) known = true;
      applyToLevel(level, alarm.levels[i] as LevelState, this.#values[i], match, current.atMs, this.#scope);
      return r;
    });
    inheritedStep(rule, alarm, recoveries, current.atMs);
    alarm.severity = severityOf(rule, alarm);
    return known;
  }

  #matchOf(rule: Rule, current: Current): Match {
    const { previous } = current;
    if (current.match !== undefined && previous === undefined) return current.match;
    current.match = matchOf(current, previous === undefined ? undefined : this.#visible(rule, previous));
    return current.match;
  }

  #fireTimers(untilMs: number, out: Stimulus[]): void {
    for (let due = this.#book.takeDue(untilMs); due !== undefined; due = this.#book.takeDue(untilMs)) {
      const { alarm, rule, dueMs } = due;
      const before = alarm.severity;
      const sinceMs = dueLevelsFire(rule, alarm, dueMs);
      alarm.severity = severityOf(rule, alarm);
      const stimulus = stimulusOf(rule, alarm, before, { atMs: dueMs, cause: "timer", matched: false, dueMs, sinceMs });
      if (stimulus !== undefined) out.push(stimulus);
      this.#book.schedule(alarm);
    }
  }
}
