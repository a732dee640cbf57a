// What arrives, what waits and for how long, from offsets at known times. Negative differences are never rates.

import type { PartitionObservation } from "./model.ts";
import type { EndPoint, PartitionMemory } from "./scaler-memory.ts";

/** Time constants of the two averages of the arrival rate, s: one follows a burst, one remembers it. The first is also that of what is committed. */
const FAST_S = 20;
const SLOW_S = 180;
/** Commits come this much later than they are due, s. */
const COMMIT_JITTER_S = 1;
/** Points kept of the log's ends; older ones lie further apart. */
const MAX_POINTS = 16;
/** A point may go when its neighbours are closer together than this share of their age. */
const POINT_SPACING = 0.8;

export interface PartitionView {
  readonly key: string;
  /** Records between what is committed and the end. */
  readonly lag: number;
  /** Records/s. */
  readonly arrival: number;
  /** Lag beyond what commits that are under way explain. */
  readonly backlog: number;
  /** Records committed since the look before, per second; undefined at the first. */
  readonly throughput: number | undefined;
  readonly memory: PartitionMemory;
}

export function keyOf({ topic, partition }: Pick<PartitionObservation, "topic" | "partition">): string {
  return `${topic}/${partition}`;
}

/** Where the group begins: what it has committed, or the log's start where that is later or nothing is committed. */
export function positionOf({ committed, start, end }: PartitionObservation): number {
  return Math.min(Math.max(committed ?? start, start), end);
}

/**
 * One partition after `seconds` since the look before.
 * An end or a position that went back (the topic was made anew) begins its averages anew.
 */
export function viewPartition(
  seen: PartitionObservation,
  before: PartitionMemory | undefined,
  {
    seconds,
    nowMs,
    commitSeconds,
  }: { readonly seconds: number; readonly nowMs: number; readonly commitSeconds: number },
): PartitionView {
  const key = keyOf(seen);
  const committed = positionOf(seen);
  const lag = seen.end - committed;
  const known = before !== undefined && seconds > 0 && seen.end >= before.end;
  const rate = known ? (seen.end - before.end) / seconds : 0;
  const first = known && before.fast < 0;
  const fast = known ? (first ? rate : average(before.fast, rate, seconds, FAST_S)) : -1;
  const slow = known ? (first ? rate : average(before.slow, rate, seconds, SLOW_S)) : -1;
  const arrival = Math.max(0, fast, slow);
  // A lag of one record for ever (a transaction's marker, an offset that is never committed) is no work.
  const backlog = Math.max(0, lag - 1 - arrival * (commitSeconds + COMMIT_JITTER_S));
  // What has expired was worked on by nobody: only what is committed counts, from where the log began to be worked on.
  const done = (seen.committed ?? committed) - (before?.committed ?? 0);
  const throughput = known && committed >= before.committed ? Math.max(0, done) / seconds : undefined;
  const still = backlog > 0 && throughput === 0;
  const stillSinceMs = still ? (before?.stillSinceMs ?? nowMs - seconds * 1000) : undefined;
  return {
    key,
    lag,
    arrival,
    backlog,
    throughput,
    memory: {
      key,
      committed,
      end: seen.end,
      fast,
      slow,
      done: doneOf(throughput, before?.done ?? -1, seconds),
      ...(still && { stillSinceMs }),
    },
  };
}

function doneOf(throughput: number | undefined, before: number, seconds: number): number {
  if (throughput === undefined) return -1;
  return before < 0 ? throughput : average(before, throughput, seconds, FAST_S);
}

function average(before: number, rate: number, seconds: number, constant: number): number {
  return before + (1 - Math.exp(-seconds / constant)) * (rate - before);
}

/** The points with a new one; those of other partitions, or from before an end went back, are forgotten. */
export function addPoint(points: readonly EndPoint[], point: EndPoint): EndPoint[] {
  const newest = points.at(-1);
  const fits = newest === undefined || newest.ends.length === point.ends.length;
  const back = newest?.ends.some((end, i) => (point.ends[i] ?? 0) < end) ?? false;
  const kept = fits && !back ? [...points, point] : [point];
  for (let i = kept.length - 2; i > 0 && kept.length > 2; i--) {
    const [older, newer] = [kept[i - 1]?.atMs ?? 0, kept[i + 1]?.atMs ?? 0];
    if (newer - older < POINT_SPACING * (point.atMs - newer)) kept.splice(i, 1);
  }
  return kept.slice(-MAX_POINTS);
}

/** For how long the record at `offset` of partition `index` has been in the log, s; at least what the points can tell. */
export function ageOf(points: readonly EndPoint[], index: number, offset: number, nowMs: number): number {
  for (let i = points.length - 1; i > 0; i--) {
    const [older, newer] = [points[i - 1], points[i]];
    const [low, high] = [older?.ends[index] ?? 0, newer?.ends[index] ?? 0];
    if (older === undefined || newer === undefined || offset < low || low === high) continue;
    const atMs = older.atMs + ((Math.min(offset, high) - low) / (high - low)) * (newer.atMs - older.atMs);
    return Math.max(0, nowMs - atMs) / 1000;
  }
  const oldest = points[0];
  return oldest === undefined ? 0 : Math.max(0, nowMs - oldest.atMs) / 1000;
}
