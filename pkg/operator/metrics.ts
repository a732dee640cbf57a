// Shows what the scaler sees and decides as metrics. Decides nothing.
import type { Metrics } from "../telemetry/catalogue.ts";
import type { Decision, ScalerView } from "./model.ts";

export interface ScalerMetrics {
  /** What was decided on a look; without a view it saw nothing. */
  decided(scaler: string, decision: Decision, view: ScalerView | undefined, nowMs: number): void;
  sourceFailed(): void;
  leader(is: boolean): void;
  /** Nothing is to be decided, and that is a fault: when it was last otherwise stays. */
  undecided(scaler: string): void;
  /** The LagScaler is gone, or is not to be looked after: so are its numbers. */
  forget(scaler: string): void;
}

/** Over the metrics of the catalogue. */
export function scalerMetrics(metrics: Metrics): ScalerMetrics {
  const gauges = {
    lagSeconds: metrics.scalerLagSeconds,
    lag: metrics.scalerLagMessages,
    arrivalRate: metrics.scalerArrivalRate,
    perReplicaRate: metrics.scalerReplicaRate,
    utilization: metrics.scalerUtilization,
  } as const;
  // What cannot be seen has no number: an old one would be taken for a new one.
  const unseen = (scaler: string) => {
    for (const gauge of Object.values(gauges)) gauge.remove({ scaler });
  };
  const undecided = (scaler: string) => {
    unseen(scaler);
    metrics.scalerDesiredReplicas.remove({ scaler });
  };
  return {
    decided(scaler, decision, view, nowMs) {
      metrics.scalerDecisions.inc({ direction: decision.direction, reason: decision.reason });
      metrics.scalerDesiredReplicas.set({ scaler }, decision.replicas);
      if (view === undefined) return unseen(scaler);
      for (const [name, gauge] of Object.entries(gauges)) {
        const value = view[name as keyof typeof gauges];
        if (value === undefined) gauge.remove({ scaler });
        else gauge.set({ scaler }, value);
      }
      metrics.scalerLastSuccess.set({ scaler }, nowMs / 1000);
    },
    sourceFailed: () => metrics.scalerSourceErrors.inc(),
    leader: (is) => metrics.scalerIsLeader.set(is ? 1 : 0),
    undecided,
    forget(scaler) {
      undecided(scaler);
      metrics.scalerLastSuccess.remove({ scaler });
    },
  };
}
