// What the scaler sees and decides.
import { type Dashboard, q, rate } from "./panel.ts";

export const SCALER: Dashboard = {
  id: "scaler",
  title: "AlertCast / Scaler",
  panels: [
    {
      title: "Lag as the scaler sees it",
      description: "Seconds of work that wait; the objective is maxLagSeconds of the LagScaler.",
      unit: "s",
      runbook: "AlertCastScalerAtLimit",
      queries: [q("max(alertcast_scaler_lag_seconds)", "lag")],
    },
    {
      title: "Arrival against capacity",
      description: "Records a second that arrive, and what the wanted replicas can do.",
      unit: "eps",
      runbook: "AlertCastScalerAtLimit",
      queries: [
        q("max(alertcast_scaler_arrival_rate)", "arrival"),
        q("max(alertcast_scaler_replica_rate) * max(alertcast_scaler_desired_replicas)", "capacity"),
      ],
    },
    {
      title: "Replicas, wanted and actual",
      description: "What the scaler asks for, and the processors that are scraped.",
      unit: "short",
      runbook: "AlertCastScalerBlind",
      queries: [
        q("max(alertcast_scaler_desired_replicas)", "wanted"),
        q('count(alertcast_build_info{component="processor"})', "actual"),
      ],
    },
    {
      title: "Utilization",
      description: "Busy time of the processors against all of their time.",
      unit: "percentunit",
      runbook: "AlertCastScalerAtLimit",
      queries: [q("max(alertcast_scaler_utilization)", "utilization")],
    },
    {
      title: "Decisions",
      description: "Looks by what was decided and why.",
      unit: "short",
      runbook: "AlertCastScalerAtLimit",
      queries: [
        q("sum by (direction, reason) (increase(alertcast_scaler_decisions_total[$w]))", "{{direction}} {{reason}}"),
      ],
    },
    {
      title: "Since the last complete look",
      description: "Beyond two minutes the scaler is blind.",
      unit: "s",
      runbook: "AlertCastScalerBlind",
      queries: [q("time() - max(alertcast_scaler_last_success_timestamp_seconds)", "age")],
    },
    {
      title: "Failed looks",
      description: "Questions to Kafka that were not answered.",
      unit: "ops",
      runbook: "AlertCastScalerBlind",
      queries: [q(`sum(${rate("alertcast_scaler_source_errors_total")})`, "errors")],
    },
  ],
};
