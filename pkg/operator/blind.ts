// What is done while the source cannot be seen: nothing but the least that is always wanted, or what the fallback says. Never a
// scale-down.

import type { BlindObservation, Outcome, ScalerSpec } from "./model.ts";
import type { ScalerMemory } from "./scaler-memory.ts";

/** The memory stays as it is: when sight returns, rates are taken over the time that has really passed. */
export function blind(
  spec: ScalerSpec,
  { blind: why, replicas }: BlindObservation,
  memory: ScalerMemory,
  nowMs: number,
): Outcome<ScalerMemory> {
  const blindSinceMs = memory.blindSinceMs ?? nowMs;
  const seconds = (nowMs - blindSinceMs) / 1000;
  const { policy, afterSeconds, replicas: wanted = 0 } = spec.onSourceFailure;
  const fallback = Math.min(wanted, spec.maxReplicas);
  const next = { ...memory, blindSinceMs };
  if (replicas < spec.minReplicas) {
    const message = `${replicas} to ${spec.minReplicas} replicas: fewer than minReplicas (and nothing is known of the source: ${why})`;
    const decision = { direction: "up", replicas: spec.minReplicas, reason: "bounds", message } as const;
    return { decision, memory: next, view: undefined };
  }
  if (policy === "AtLeast" && seconds >= afterSeconds && replicas < fallback) {
    const message = `${replicas} to ${fallback} replicas: nothing is known of the source for ${Math.round(seconds)} s (${why})`;
    return {
      decision: { direction: "up", replicas: fallback, reason: "fallback", message },
      memory: next,
      view: undefined,
    };
  }
  return { decision: { direction: "none", replicas, reason: "blind", message: why }, memory: next, view: undefined };
}
