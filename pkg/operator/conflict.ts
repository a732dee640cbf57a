// Decides whether somebody else owns the target's replicas. Pure. While it says so, nothing is written.
import type { Target } from "./cluster.ts";

/** How long a foreign number stands before it is taken as the new base; doubles with each further one within an hour. */
const FIRST_HOLD_MS = 300_000;
const LONGEST_HOLD_MS = 3_600_000;
const FORGET_MS = 3_600_000;

/** What is remembered of the target: plain data, kept in the status. */
export interface TargetMemory {
  readonly uid: string;
  /** The number that was written last, or taken as the base. */
  readonly replicas: number;
  /** The number that was about to be written when this was stored: found there, it is ours. */
  readonly intended?: number;
  readonly foreign?: ForeignWrite;
  /** Foreign writes, each within an hour of the end of what was held for the one before, and that end. */
  readonly foreignCount?: number;
  readonly foreignAtMs?: number;
}

interface ForeignWrite {
  readonly replicas: number;
  readonly manager: string;
  readonly untilMs: number;
  /** Of the LagScaler's spec: a change to it means that a person has looked. */
  readonly generation: number;
}

export interface Conflict {
  readonly reason: "HorizontalPodAutoscaler" | "OtherLagScaler" | "ScaledToZero" | "ForeignWriter";
  readonly message: string;
}

export interface Rivals {
  readonly autoscalers: readonly string[];
  /** An older LagScaler with the same target. */
  readonly lagScaler: string | undefined;
}

export interface Judgement {
  readonly memory: TargetMemory;
  readonly conflict: Conflict | undefined;
}

/**
 * - A HorizontalPodAutoscaler or an older LagScaler on the same target: a conflict as long as it is there.
 * - Replicas 0, set by anybody: a stop, as for a HorizontalPodAutoscaler, until they are set to something else.
 * - A number that we did not write: a conflict for 5 minutes (10, 20, .. 60 when it happens again within an hour), or until
 *   the LagScaler's spec is edited or the number is put back; then the number is the new base and scaling goes on from it.
 * @param memory of the last look; undefined = the first one, whose number is the base
 */
export function judgeTarget(
  memory: TargetMemory | undefined,
  target: Target,
  rivals: Rivals,
  context: { readonly generation: number; readonly nowMs: number },
): Judgement {
  const based = (conflict?: Conflict): Judgement => ({ memory: baseOf(memory, target, context.nowMs), conflict });
  const [autoscaler] = rivals.autoscalers;
  if (autoscaler !== undefined) {
    const message = `HorizontalPodAutoscaler ${autoscaler} scales the same Deployment: delete one of the two`;
    return based({ reason: "HorizontalPodAutoscaler", message });
  }
  if (rivals.lagScaler !== undefined) {
    const message = `LagScaler ${rivals.lagScaler}, which is older, scales the same Deployment: delete one of the two`;
    return based({ reason: "OtherLagScaler", message });
  }
  if (target.replicas === 0) {
    const message = "the Deployment was scaled to 0, which stops scaling: set it to 1 or more to go on";
    return based({ reason: "ScaledToZero", message });
  }
  const known = memory !== undefined && memory.uid === target.uid && memory.replicas !== 0;
  // Not every way of writing leaves a trace of who it was; what we stored ourselves is the better witness.
  const ours = target.writer?.ours === true || target.replicas === memory?.intended;
  if (!known || target.replicas === memory.replicas || ours) return based();
  return judgeForeign(memory, target, context);
}

function judgeForeign(
  memory: TargetMemory,
  target: Target,
  { generation, nowMs }: { readonly generation: number; readonly nowMs: number },
): Judgement {
  const { foreign } = memory;
  if (foreign?.replicas === target.replicas) {
    if (nowMs >= foreign.untilMs || generation !== foreign.generation) {
      return { memory: baseOf(memory, target, nowMs), conflict: undefined };
    }
    return { memory, conflict: foreignConflict(foreign) };
  }
  const before = recentCount(memory, nowMs);
  const holdMs = Math.min(LONGEST_HOLD_MS, FIRST_HOLD_MS * 2 ** before);
  const manager = target.writer?.manager ?? "somebody";
  const noticed = { replicas: target.replicas, manager, untilMs: nowMs + holdMs, generation };
  const { uid, replicas } = memory;
  return {
    memory: { uid, replicas, foreign: noticed, foreignCount: before + 1, foreignAtMs: noticed.untilMs },
    conflict: foreignConflict(noticed),
  };
}

function foreignConflict({ replicas, manager, untilMs }: ForeignWrite): Conflict {
  const until = new Date(untilMs).toISOString().slice(11, 19);
  const message = `${manager} set the replicas to ${replicas}; they stay so until ${until} UTC or until the LagScaler is edited, then scaling goes on from there`;
  return { reason: "ForeignWriter", message };
}

function baseOf(memory: TargetMemory | undefined, { uid, replicas }: Target, nowMs: number): TargetMemory {
  const count = memory === undefined ? 0 : recentCount(memory, nowMs);
  return { uid, replicas, ...(count > 0 && { foreignCount: count, foreignAtMs: memory?.foreignAtMs ?? nowMs }) };
}

function recentCount({ foreignCount = 0, foreignAtMs = 0 }: TargetMemory, nowMs: number): number {
  return nowMs - foreignAtMs <= FORGET_MS ? foreignCount : 0;
}
