// Shows what the scaler sees and decides as metrics. Decides nothing.
import type { Metrics } from "../telemetry/catalogue.ts";
import type { Decision, ScalerView } from "./model.ts";

export interface ScalerMetrics {
  /** A complete look and what was decided on it. */
  decided(scaler: string, decision: Decision, view: ScalerView | undefined, nowMs: number): void;
  sourceFailed(): void;
  leader(is: boolean): void;
  /** The LagScaler is gone: so are its numbers. */
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
  return {
    decided(scaler, decision, view, nowMs) {
      metrics.scalerDecisions.inc({ direction: decision.direction, reason: decision.reason });
      metrics.scalerDesiredReplicas.set({ scaler }, decision.replicas);
      if (view === undefined) return;
      for (const [name, gauge] of Object.entries(gauges)) {
        const value = view[name as keyof typeof gauges];
        if (value === undefined) gauge.remove({ scaler });
        else gauge.set({ scaler }, value);
      }
      metrics.scalerLastSuccess.set({ scaler }, nowMs / 1000);
    },
    sourceFailed: () => metrics.scalerSourceErrors.inc(),
    leader: (is) => metrics.scalerIsLeader.set(is ? 1 : 0),
    forget(scaler) {
      for (const gauge of [...Object.values(gauges), metrics.scalerDesiredReplicas, metrics.scalerLastSuccess]) {
        gauge.remove({ scaler });
      }
    },
  };
}
