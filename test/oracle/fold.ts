// The reference model: what tickets a log should have led to under the default rules. It lays the log out per device,
// then tells each alarm's story from the device's readings, then writes the tickets of each story.
// Written apart from the product and never imports it. No timers, flapping, people or silences.
import { readEvent } from "./decode.ts";
import type { OracleRule } from "./default-rules.ts";
import { DEFAULT_RULES } from "./default-rules.ts";
import { homeOf } from "./murmur2.ts";
import { storyOf } from "./story.ts";
import { ticketsOf } from "./tickets.ts";
import type {
  DeadLetter,
  DumpedRecord,
  HistoryRow,
  OracleCounts,
  OracleResult,
  OracleTicket,
  Reading,
} from "./types.ts";

export type { DumpedRecord, OracleResult } from "./types.ts";

export interface OracleOptions {
  /** Partitions of the topic, >= 1. */
  readonly partitions: number;
  /** T5, default 1 min. */
  readonly outOfOrderWindowMs?: number;
  /** T4, default 5 min. */
  readonly maxFutureMs?: number;
  /** L3, default 15 min. */
  readonly reopenWithinMs?: number;
  /** D9: how long an alarm that went off is remembered; default 30 min, the default rules' `flap.within`. */
  readonly rememberMs?: number;
  /** Instead of the default set. */
  readonly rules?: readonly OracleRule[];
}

const YEAR_2000 = Date.UTC(2000, 0, 1);
const MINUTE = 60_000;

/**
 * Folds a dumped log into the tickets there should be. Records may come with their partitions interleaved in any way;
 * within a partition an offset below one that was seen is skipped (D8).
 */
export function foldLog(dump: readonly DumpedRecord[], options: OracleOptions): OracleResult {
  const partitions = Map.groupBy(dump, (record) => record.partition);
  return mergeFolds([...partitions].map(([partition, records]) => foldPartition(partition, records, options)));
}

/** One partition's part of it: a device is at home in one only, so the parts know nothing of each other. */
function foldPartition(partition: number, records: readonly DumpedRecord[], options: OracleOptions): OracleResult {
  const counts: OracleCounts = { late: 0, badTs: 0, quarantined: 0, away: 0, movedTwice: 0, repeated: 0 };
  const devices = new Map<string, Reading[]>();
  const deadLetters: DeadLetter[] = [];
  const log = withLogTimes(records);
  layOut(log, options, { counts, devices, deadLetters });
  const tickets: OracleTicket[] = [];
  const history: HistoryRow[] = [];
  for (const [device, readings] of devices) {
    const inTime = withoutLate(readings, options.outOfOrderWindowMs ?? MINUTE);
    counts.late += readings.length - inTime.length;
    for (const rule of options.rules ?? DEFAULT_RULES) {
      const story = storyOf(rule, inTime, options.rememberMs ?? 30 * MINUTE);
      counts.repeated += story.repeated;
      const written = ticketsOf(rule, device, story.turns, options.reopenWithinMs ?? 15 * MINUTE);
      tickets.push(...written.tickets);
      history.push(...written.history);
    }
  }
  counts.quarantined = deadLetters.length;
  const nextOffsets = new Map([[partition, (log.at(-1)?.record.offset ?? -1) + 1]]);
  return { tickets, history, deadLetters, counts, nextOffsets, ticketCounts: countTickets(tickets) };
}

/** The fold of a log whose partitions were folded apart. */
export function mergeFolds(folds: readonly OracleResult[]): OracleResult {
  const counts: OracleCounts = { late: 0, badTs: 0, quarantined: 0, away: 0, movedTwice: 0, repeated: 0 };
  for (const fold of folds) {
    for (const name of Object.keys(counts) as (keyof OracleCounts)[]) counts[name] += fold.counts[name];
  }
  const tickets = folds.flatMap((fold) => fold.tickets);
  return {
    tickets: tickets.sort((a, b) => order(a.rule, b.rule) || order(a.device, b.device) || a.seq - b.seq),
    history: folds.flatMap((fold) => fold.history),
    deadLetters: folds
      .flatMap((fold) => fold.deadLetters)
      .sort((a, b) => a.partition - b.partition || a.offset - b.offset),
    counts,
    nextOffsets: new Map(folds.flatMap((fold) => [...fold.nextOffsets])),
    ticketCounts: countTickets(tickets),
  };
}

/** Number of tickets per `severity/status`. */
export function countTickets(tickets: readonly OracleTicket[]): Map<string, number> {
  const groups = Map.groupBy(tickets, (ticket) => `${ticket.severity}/${ticket.status}`);
  return new Map([...groups].map(([group, members]) => [group, members.length]));
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Timed {
  readonly record: DumpedRecord;
  readonly atMs: number;
}

/** One partition's records, each offset once, with their log times (T1, D8). */
function withLogTimes(records: readonly DumpedRecord[]): Timed[] {
  const log: Timed[] = [];
  for (const record of records) {
    const before = log.at(-1);
    if (before !== undefined && record.offset <= before.record.offset) continue;
    log.push({ record, atMs: Math.max(before?.atMs ?? 0, record.appendTimeMs) });
  }
  return log;
}

interface LaidOut {
  readonly counts: OracleCounts;
  readonly devices: Map<string, Reading[]>;
  readonly deadLetters: DeadLetter[];
}

/** Deals one partition's records out: dead letters, and readings of the devices that are at home here (T3, T8, E5). */
function layOut(log: readonly Timed[], options: OracleOptions, into: LaidOut): void {
  const newestOrigin = new Map<number, number>();
  for (const { record, atMs } of log) {
    const { partition, offset, value, headers } = record;
    if (value === null && headers["alertcast-tick"] !== undefined) continue;
    const event = readEvent(value);
    if (event === null) {
      into.deadLetters.push({ partition, offset, value });
      continue;
    }
    if (homeOf(event.device, options.partitions) !== partition) {
      into.counts.away++;
      continue;
    }
    const origin = /^(\d+)\/(\d+)$/.exec(headers["alertcast-origin"] ?? "");
    if (origin !== null) {
      const [from, at] = [Number(origin[1]), Number(origin[2])];
      if (at <= (newestOrigin.get(from) ?? -1)) {
        into.counts.movedTwice++;
        continue;
      }
      newestOrigin.set(from, at);
    }
    const believable =
      event.tsMs !== null && event.tsMs >= YEAR_2000 && event.tsMs <= atMs + (options.maxFutureMs ?? 5 * MINUTE);
    if (event.tsMs !== null && !believable) into.counts.badTs++;
    const believedMs = believable ? event.tsMs : null;
    const readings = into.devices.get(event.device) ?? [];
    into.devices.set(event.device, readings);
    const identity = identityOf(event.eventId, believable ? value : null);
    readings.push({ partition, offset, atMs, believedMs, identity, fields: event.fields, text: event.text });
  }
}

function identityOf(eventId: string | null, believedBytes: Buffer | null): string | null {
  if (eventId !== null) return `id ${eventId}`;
  return believedBytes === null ? null : `bytes ${believedBytes.toString("latin1")}`;
}

/** A device's readings less the late ones (T5). */
function withoutLate(readings: readonly Reading[], windowMs: number): Reading[] {
  let newest = { believedMs: Number.NEGATIVE_INFINITY, atMs: Number.NEGATIVE_INFINITY };
  return readings.filter(({ believedMs, atMs }) => {
    if (believedMs === null) return true;
    if (believedMs < newest.believedMs && atMs - newest.atMs <= windowMs) return false;
    newest = { believedMs, atMs };
    return true;
  });
}
