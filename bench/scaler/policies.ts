// The scalers that are compared: ours, and KEDA's Kafka scaler behind the HPA with its default behaviour.
import { decide } from "../../pkg/operator/decide.ts";
import type { Observation, ScalerSpec } from "../../pkg/operator/model.ts";
import type { ScalerMemory } from "../../pkg/operator/scaler-memory.ts";
import { PARTITIONS, PER_REPLICA } from "./traces.ts";

export const OBJECTIVE_S = 30;
export const MIN_REPLICAS = 1;
export const MAX_REPLICAS = PARTITIONS;

export interface Policy {
  readonly name: string;
  /** Asked once a second; undefined = as it is. */
  readonly next: (second: number, observe: () => Observation | undefined, replicas: number) => number | undefined;
}

export interface OurSettings {
  readonly targetUtilization: number;
  readonly scaleDownWindowSeconds: number;
}

/** Our own function, asked every 10 s; what a replica can do is declared too high at first, and has to be learned. */
export function ours(name: string, commitSeconds: number, settings: OurSettings): Policy {
  const spec: ScalerSpec = {
    minReplicas: MIN_REPLICAS,
    maxReplicas: MAX_REPLICAS,
    commitIntervalSeconds: commitSeconds,
    objective: { maxLagSeconds: OBJECTIVE_S, drainSeconds: 120 },
    capacity: { mode: "Auto", initialPerReplica: 1.5 * PER_REPLICA },
    behavior: { ...settings, maxStep: 8 },
    onSourceFailure: { policy: "Hold", afterSeconds: 120, replicas: undefined },
  };
  let memory: ScalerMemory | undefined;
  return {
    name,
    next: (second, observe, replicas) => {
      if (second % 10 !== 0) return undefined;
      const result = decide(spec, observe() ?? { blind: "away", replicas }, memory, second * 1000);
      memory = result.memory;
      return result.decision.replicas;
    },
  };
}

const HPA_SYNC_S = 15;
const HPA_TOLERANCE = 0.1;
const HPA_DOWN_WINDOW_S = 300;

/**
 * KEDA: lag capped at lagThreshold x partitions, as an average per replica; the HPA takes ceil(lag / threshold) unless it is
 * within 10 % of what there is, up by at most max(100 %, 4) every 15 s, down to the highest of the last 300 s. Every
 * sync asks KEDA, which asks Kafka; its own polling is for the step from 0 to 1. Without an answer nothing changes.
 */
export function keda(name: string, lagThreshold: number): Policy {
  const recommended: { second: number; n: number }[] = [];
  return {
    name,
    next: (second, observe, replicas) => {
      const observation = second % HPA_SYNC_S === 0 ? observe() : undefined;
      if (observation === undefined) return undefined;
      const lag = observation.partitions.reduce(
        (sum, { end, committed }) => sum + Math.max(0, end - (committed ?? 0)),
        0,
      );
      const capped = Math.min(lag, lagThreshold * PARTITIONS);
      const ratio = capped / (lagThreshold * Math.max(1, replicas));
      let n = Math.abs(ratio - 1) <= HPA_TOLERANCE ? replicas : Math.ceil(capped / lagThreshold);
      n = Math.min(MAX_REPLICAS, Math.max(MIN_REPLICAS, n));
      recommended.push({ second, n });
      while ((recommended[0]?.second ?? second) <= second - HPA_DOWN_WINDOW_S) recommended.shift();
      if (n < replicas) n = Math.min(replicas, Math.max(...recommended.map((each) => each.n)));
      return Math.min(n, Math.max(replicas * 2, replicas + 4));
    },
  };
}
