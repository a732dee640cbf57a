// Which alarms a partition remembers (D9), which timer of theirs is next, and what a rule change leaves of them.
import { alarmDueMs, keepMs } from "./alarm.ts";
import { levelIsEmpty, pruneWindow } from "./level.ts";
import type { Level, Rule } from "./model.ts";
import { type Alarm, emptyLevel, type LevelState, type PartitionMemory } from "./partition-memory.ts";
import { TimerHeap } from "./timers.ts";

/** D9: how many keys of a device a rule remembers. */
const REMEMBERED_KEYS = 100;

export class AlarmBook {
  readonly #memory: PartitionMemory;
  readonly #heap = new TimerHeap();
  #rules: ReadonlyMap<string, Rule> = new Map();

  constructor(memory: PartitionMemory) {
    this.#memory = memory;
  }

  /** The rules in force, by id. */
  get rules(): ReadonlyMap<string, Rule> {
    return this.#rules;
  }

  /** When the next timer may be due, ms; Infinity = never. */
  get nextDueMs(): number {
    return this.#heap.nextMs;
  }

  use(rules: readonly Rule[]): void {
    this.#rules = new Map(rules.map((rule) => [rule.id, rule]));
  }

  /** Puts the timers of a restored memory into the heap. */
  scheduleAll(): void {
    for (const alarms of this.#memory.alarms.values()) {
      for (const alarm of alarms) {
        alarm.scheduledMs = Number.POSITIVE_INFINITY;
        this.schedule(alarm);
      }
    }
  }

  find(slot: number, rule: Rule, dedup: string, atMs: number): Alarm | undefined {
    const list = this.#memory.alarms.get(slot);
    const alarm = list?.find((a) => a.ruleId === rule.id && a.dedup === dedup);
    if (alarm === undefined || !this.#isForgotten(alarm, atMs)) return alarm;
    this.#forget(alarm, slot);
    return undefined;
  }

  /** Adds an alarm; false when the rule remembers too many keys of the device already. */
  remember(alarm: Alarm, rule: Rule, slot: number): boolean {
    const list = this.#memory.alarms.get(slot);
    if (list === undefined) {
      this.#memory.alarms.set(slot, [alarm]);
      return true;
    }
    if (rule.dedupKey.length > 0) {
      const ofRule = list.filter((a) => a.ruleId === rule.id && !this.#isForgotten(a, this.#memory.clockMs));
      if (ofRule.length >= REMEMBERED_KEYS) return false;
    }
    list.push(alarm);
    return true;
  }

  /** After an entry: forgets the alarm if nothing is left to remember, else sees to its timer. */
  settle(alarm: Alarm, slot: number, atMs: number): void {
    if (this.#isForgotten(alarm, atMs)) this.#forget(alarm, slot);
    else this.schedule(alarm);
  }

  /** Sees to it that the heap has the alarm's next timer. */
  schedule(alarm: Alarm): void {
    const rule = this.#rules.get(alarm.ruleId);
    if (rule === undefined) return;
    const dueMs = alarmDueMs(rule, alarm);
    if (dueMs === Number.POSITIVE_INFINITY || dueMs >= alarm.scheduledMs) return;
    alarm.scheduledMs = dueMs;
    this.#heap.push(dueMs, alarm);
  }

  /** The next timer that is really due by `untilMs`; the caller fires it and schedules the alarm again. */
  takeDue(untilMs: number): { alarm: Alarm; rule: Rule; dueMs: number } | undefined {
    while (this.#heap.nextMs <= untilMs) {
      const timer = this.#heap.pop();
      if (timer === undefined) return undefined;
      const { alarm, dueMs } = timer;
      const rule = this.#rules.get(alarm.ruleId);
      if (rule === undefined || alarm.scheduledMs !== dueMs) continue;
      alarm.scheduledMs = Number.POSITIVE_INFINITY;
      if (alarmDueMs(rule, alarm) === dueMs) return { alarm, rule, dueMs };
      this.schedule(alarm);
    }
    return undefined;
  }

  /** Forgets what D9 lets go of by now. */
  sweep(): void {
    const { alarms, clockMs } = this.#memory;
    for (const [slot, list] of alarms) {
      this.#keep(slot, list, (alarm) => !this.#isForgotten(alarm, clockMs));
    }
  }

  /**
   * C3-C6: what alarms keep when the rules have changed.
   * @param before the rules until now
   * @param gone rules whose alarms are forgotten
   */
  passOn(before: ReadonlyMap<string, Rule>, gone: ReadonlySet<string>): void {
    for (const [slot, list] of this.#memory.alarms) {
      this.#keep(slot, list, (alarm) => !gone.has(alarm.ruleId) && this.#inherit(alarm, before));
    }
  }

  /** False = nothing is left of the alarm. */
  #inherit(alarm: Alarm, before: ReadonlyMap<string, Rule>): boolean {
    const rule = this.#rules.get(alarm.ruleId);
    if (rule === undefined) return false;
    alarm.scheduledMs = Number.POSITIVE_INFINITY;
    if (before.get(alarm.ruleId)?.detectionSource === rule.detectionSource) {
      this.schedule(alarm);
      return true;
    }
    alarm.inherited = alarm.severity;
    alarm.inheritedRecoveryMs = Number.NaN;
    alarm.levels.length = 0;
    for (const _ of rule.levels) alarm.levels.push(emptyLevel());
    return alarm.severity !== undefined || !Number.isNaN(alarm.offSinceMs);
  }

  #keep(slot: number, list: Alarm[], keeps: (alarm: Alarm) => boolean): void {
    const kept: Alarm[] = [];
    for (const alarm of list) {
      if (keeps(alarm)) kept.push(alarm);
      else alarm.scheduledMs = Number.NaN;
    }
    if (kept.length === 0) this.#memory.alarms.delete(slot);
    else if (kept.length < list.length) this.#memory.alarms.set(slot, kept);
  }

  #forget(alarm: Alarm, slot: number): void {
    const list = this.#memory.alarms.get(slot);
    if (list !== undefined) this.#keep(slot, list, (a) => a !== alarm);
  }

  /** D9. */
  #isForgotten(alarm: Alarm, atMs: number): boolean {
    const rule = this.#rules.get(alarm.ruleId);
    if (rule === undefined) return true;
    if (alarm.severity !== undefined) return false;
    for (let i = 0; i < rule.levels.length; i++) {
      const level = rule.levels[i] as Level;
      const state = alarm.levels[i] as LevelState;
      pruneWindow(level, state, atMs);
      if (!levelIsEmpty(state)) return false;
    }
    return Number.isNaN(alarm.offSinceMs) || atMs - alarm.offSinceMs > keepMs(rule);
  }
}
