// A scale-up is a trial: looked at once, when the group has come to rest, for what it has brought. Never takes one back.
import type { PartitionView } from "./arrival.ts";
import { shareOf } from "./bins.ts";
import type { ScalerMemory } from "./scaler-memory.ts";

/** A scale-up is judged so long after its members have their partitions, ms. */
const TRIAL_MS = 30_000;
/** Less than this share of the gain that was expected: more replicas do not help. */
const TRIAL_GAIN = 0.1;
const HOLD_MS = 300_000;
/** A trial whose members are not there after so long says nothing, ms. */
const LONGEST_TRIAL_MS = 180_000;

/** Looks once at what a scale-up brought, and holds further ones when it was nothing. Never takes it back. */
export function judgeTrial(
  memory: ScalerMemory,
  views: readonly PartitionView[],
  whole: boolean,
  nowMs: number,
): ScalerMemory {
  const { trial } = memory;
  if (trial === undefined) return memory;
  // Of what never waited, or no longer does, the throughput is what arrives, whoever serves it.
  // One whose member has as many partitions as before can gain nothing.
  const relief = (i: number) => shareOf(i, views.length, trial.from) / shareOf(i, views.length, trial.to);
  const waiting = views.flatMap(({ backlog }, i) => (backlog > 0 && relief(i) > 1 ? [i] : []));
  if (waiting.length === 0 || trial.before.length !== views.length) return { ...memory, trial: undefined };
  if (!whole) return nowMs - trial.atMs >= LONGEST_TRIAL_MS ? { ...memory, trial: undefined } : memory;
  if (nowMs - Math.max(memory.assignedAtMs, trial.atMs) < TRIAL_MS) return memory;
  const before = sum(waiting.map((i) => trial.before[i] ?? 0));
  const now = sum(waiting.map((i) => Math.max(0, memory.partitions[i]?.done ?? 0)));
  const gained = now / Math.max(before, 1e-9) - 1;
  const hoped = sum(waiting.map((i) => (trial.before[i] ?? 0) * relief(i)));
  const expected = hoped / Math.max(before, 1e-9) - 1;
  const held = gained < TRIAL_GAIN * expected;
  return { ...memory, trial: undefined, ...(held && { holdUntilMs: nowMs + HOLD_MS }) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
