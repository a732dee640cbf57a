// Runs a golden vector of kind fold through detect and settle, entry by entry, without any service.

import { ORIGIN_HEADER, TICK_HEADER } from "../pkg/log/headers.ts";
import { applyRecord } from "../pkg/processor/apply-record.ts";
import { decodeRecord } from "../pkg/processor/decode-record.ts";
import { Detector } from "../pkg/rule/detect.ts";
import type { RuleSet } from "../pkg/rule/model.ts";
import { createMemory } from "../pkg/rule/partition-memory.ts";
import { compileRuleSet } from "../pkg/rule/rule-file.ts";
import { decodeSnapshot, encodeSnapshot } from "../pkg/rule/snapshot.ts";
import type { DetectCounts, Stimulus } from "../pkg/rule/stimulus.ts";
import { type Removal, type SettleResult, settle } from "../pkg/ticket/settle.ts";
import { alarmKey, type Ticket, type TicketEvent } from "../pkg/ticket/ticket.ts";

export interface FoldStep {
  readonly entry?: {
    readonly partition: number;
    readonly offset: number;
    readonly appendTime: string;
    readonly event?: unknown;
    readonly tick?: boolean;
    readonly raw?: string;
    readonly control?: unknown;
    readonly headers?: Record<string, string>;
    readonly origin?: { readonly partition: number; readonly offset: number };
  };
  readonly action?: unknown;
  readonly rules?: unknown;
  readonly partition?: number;
  readonly expect?: {
    readonly history?: readonly Record<string, unknown>[];
    readonly tickets?: Record<string, Record<string, unknown> | null>;
    readonly result?: unknown;
    readonly refused?: boolean;
  };
}

export interface FoldMode {
  /** Every entry is delivered twice. */
  readonly twice?: boolean;
  /** The memory goes through a snapshot after every step. */
  readonly snapshots?: boolean;
  /** Healthy events go their short way, as in the processor. */
  readonly shortWay?: boolean;
}

interface Place {
  detector: Detector;
  nextOffset: number;
  ruleSetId: number;
  readonly counts: DetectCounts[];
}

/** The state of a fold over several partitions. */
export class Fold {
  readonly tickets = new Map<string, Ticket>();
  readonly all: Ticket[] = [];
  readonly #partitions: number;
  readonly #mode: FoldMode;
  readonly #places = new Map<number, Place>();
  readonly #sets: RuleSet[] = [];

  constructor(rules: unknown, partitions: number, mode: FoldMode) {
    this.#partitions = partitions;
    this.#mode = mode;
    const first = this.#compile(rules);
    if (first === undefined) throw new Error("the first rule set is refused");
  }

  /** Applies a step; returns the history rows it adds, and whether a rule set was refused. */
  step(step: FoldStep): { rows: readonly TicketEvent[]; refused: boolean } {
    if (step.action !== undefined) throw new Error("human actions are not part of this fold");
    if (step.rules !== undefined) return this.#change(step);
    const entry = step.entry;
    if (entry === undefined) throw new Error("a step without entry, action or rules");
    if (entry.control !== undefined) throw new Error("control records are not part of this fold");
    const rows = [...this.#deliver(entry)];
    if (this.#mode.twice) rows.push(...this.#deliver(entry));
    return { rows, refused: false };
  }

  count(name: string): number {
    let n = 0;
    const fields: Record<string, keyof Omit<DetectCounts, "unknown" | "matched" | "skipped">> = {
      late: "late",
      bad_ts: "badTs",
      quarantined: "quarantined",
      away: "away",
      moved_twice: "movedTwice",
      repeated: "repeated",
    };
    for (const place of this.#places.values()) {
      place.counts.push(place.detector.takeCounts());
      for (const counts of place.counts) {
        const field = fields[name];
        n += field === undefined ? (counts.unknown.get(name.replace("unknown:", "")) ?? 0) : counts[field];
      }
    }
    return n;
  }

  #compile(rules: unknown): RuleSet | undefined {
    const result = compileRuleSet(rules);
    if (!result.ok) return undefined;
    this.#sets.push(result.ruleSet);
    return result.ruleSet;
  }

  #place(partition: number): Place {
    const known = this.#places.get(partition);
    if (known !== undefined) return known;
    const detector = new Detector(createMemory(), this.#sets.at(-1) as RuleSet);
    const place: Place = { detector, nextOffset: 0, ruleSetId: this.#sets.length - 1, counts: [] };
    this.#places.set(partition, place);
    return place;
  }

  #deliver(entry: NonNullable<FoldStep["entry"]>): readonly TicketEvent[] {
    const place = this.#place(entry.partition);
    if (entry.offset < place.nextOffset) return [];
    const headers: Record<string, string> = { ...entry.headers };
    if (entry.tick) headers[TICK_HEADER] = "";
    if (entry.origin !== undefined) headers[ORIGIN_HEADER] = `${entry.origin.partition}/${entry.origin.offset}`;
    const text = entry.raw ?? JSON.stringify(entry.event);
    const record = {
      offset: entry.offset,
      appendTimeMs: Date.parse(entry.appendTime),
      key: null,
      value: entry.tick ? null : Buffer.from(text, "utf8"),
      headers,
    };
    const { detector } = place;
    const knows = (id: string) => detector.knows(id);
    const where = { partition: entry.partition, partitions: this.#partitions, knows };
    const stimuli: Stimulus[] = [];
    if (this.#mode.shortWay) applyRecord(detector, record, where, { stimuli, deadLetters: [], moves: [] });
    else detector.apply(decodeRecord(record, where).entry, stimuli);
    place.nextOffset = entry.offset + 1;
    this.#throughSnapshot(place);
    return this.#settle(entry.partition, place, stimuli, undefined).events;
  }

  #throughSnapshot(place: Place): void {
    if (!this.#mode.snapshots) return;
    place.counts.push(place.detector.takeCounts());
    place.detector.sweep();
    place.detector = new Detector(decodeSnapshot(encodeSnapshot(place.detector.memory)), place.detector.ruleSet);
  }

  #change(step: FoldStep): { rows: readonly TicketEvent[]; refused: boolean } {
    const ruleSet = this.#compile(step.rules);
    if (ruleSet === undefined) return { rows: [], refused: true };
    const rows: TicketEvent[] = [];
    for (const [partition, place] of this.#places) {
      if (step.partition !== undefined && step.partition !== partition) continue;
      const removed = place.detector.activate(ruleSet, place.nextOffset);
      place.ruleSetId = this.#sets.length - 1;
      this.#throughSnapshot(place);
      const removal = { atMs: place.detector.memory.clockMs, removed };
      rows.push(...this.#settle(partition, place, [], removal).events);
    }
    return { rows, refused: false };
  }

  #settle(partition: number, place: Place, stimuli: Stimulus[], removal: Removal | undefined): SettleResult {
    const gone = new Set(removal?.removed.map((r) => r.ruleId));
    const result = settle({
      topic: "device_events",
      partition,
      ruleSetId: place.ruleSetId,
      tickets: this.tickets,
      ofRemovedRules: this.all.filter((t) => t.partition === partition && gone.has(t.ruleId) && t.reopenable),
      removal,
      stimuli,
    });
    for (const ticket of result.opened) {
      ticket.id = this.all.length + 1;
      this.all.push(ticket);
      this.tickets.set(alarmKey(ticket.ruleId, ticket.deviceId, ticket.dedup), ticket);
    }
    return result;
  }
}

/** `rule/device#n`, with a dedup key `rule/device/key#n`. */
export function ticketName(ticket: Ticket): string {
  const keys = ticket.dedup === "" ? "" : `/${JSON.parse(ticket.dedup).join("/")}`;
  return `${ticket.ruleId}/${ticket.deviceId}${keys}#${ticket.seq}`;
}
