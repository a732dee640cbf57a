// The window before a scale-down: how many replicas would have been enough within it, and how long it is. No decisions.

import type { ScalerSpec } from "./model.ts";
import type { ScalerMemory } from "./scaler-memory.ts";

/** However often it doubles, unless more was asked for. */
const LONGEST_WINDOW_MS = 1_800_000;
/** An up within so many windows after a down was too early a down. */
const REGRET_WINDOWS = 2;

/** How long fewer replicas must have been enough now, ms. A doubled window halves after each such time without regret. */
export function windowMs(memory: ScalerMemory, spec: ScalerSpec, nowMs: number): number {
  const asked = spec.behavior.scaleDownWindowSeconds * 1000;
  return Math.min(longestOf(spec), asked * factorAt(memory, asked, nowMs));
}

function longestOf({ behavior }: ScalerSpec): number {
  return Math.max(LONGEST_WINDOW_MS, behavior.scaleDownWindowSeconds * 1000);
}

function factorAt({ windowFactor, factorAtMs }: ScalerMemory, asked: number, nowMs: number): number {
  const halvings = asked > 0 ? Math.max(0, nowMs - factorAtMs) / (4 * asked) : 0;
  return Math.max(1, windowFactor * 0.5 ** halvings);
}

/** With how many replicas are enough at this look; of the past only what may still be the greatest of its window is kept. */
export function remember(
  memory: ScalerMemory,
  {
    spec,
    gap,
    n,
    nowMs,
  }: { readonly spec: ScalerSpec; readonly gap: boolean; readonly n: number; readonly nowMs: number },
): ScalerMemory {
  const kept = (gap ? [] : memory.enough).filter((e) => e.n > n && nowMs - e.atMs <= longestOf(spec));
  return { ...memory, enough: [...kept, { atMs: nowMs, n }] };
}

/** What follows from the number of replicas being another than at the look before, whoever has changed it. */
export function afterChange(memory: ScalerMemory, before: ScalerMemory, spec: ScalerSpec, nowMs: number): ScalerMemory {
  const [from, to] = [before.replicas, memory.replicas];
  if (from === undefined || to === undefined || from === to) return memory;
  if (to < from) return { ...memory, lastScaleMs: nowMs, lastDownMs: nowMs, trial: undefined };
  const asked = spec.behavior.scaleDownWindowSeconds * 1000;
  const factor = factorAt(memory, asked, nowMs);
  const regretted = memory.lastDownMs !== undefined && nowMs - memory.lastDownMs <= REGRET_WINDOWS * asked * factor;
  const most = Math.max(1, longestOf(spec) / Math.max(1, asked));
  const done = before.partitions.map((partition) => Math.max(0, partition.done));
  const trial = { atMs: nowMs, from, to, before: done, arrival: before.arrival };
  return {
    ...memory,
    lastScaleMs: nowMs,
    ...(regretted && { windowFactor: Math.min(most, factor * 2), factorAtMs: nowMs, lastDownMs: undefined }),
    trial: from > 0 ? trial : undefined,
    holdUntilMs: undefined,
  };
}
