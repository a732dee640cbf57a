// What the services stand on, and the API.
import { type Dashboard, p99, q, rate } from "./panel.ts";

export const STORES: Dashboard = {
  id: "stores",
  title: "AlertCast / Stores",
  panels: [
    {
      title: "Dependencies",
      description: "1 if the last use of it succeeded, the worst of all replicas.",
      unit: "short",
      runbook: "AlertCastCommitsFailing",
      queries: [q("min by (component, dependency) (alertcast_dependency_up)", "{{component}} {{dependency}}")],
    },
    {
      title: "Statements, p99",
      description: "PostgreSQL's answers by statement.",
      unit: "s",
      runbook: "AlertCastCommitsFailing",
      queries: [q(p99("alertcast_postgres_query_duration_seconds", "le, query"), "{{query}}")],
    },
    {
      title: "Connections",
      description: "Of all pools: busy, idle, and those who wait for one.",
      unit: "short",
      runbook: "AlertCastApiErrors",
      queries: [q("sum by (state) (alertcast_postgres_connections)", "{{state}}")],
    },
    {
      title: "Age of the live counters",
      description: "Since Redis last took a value. /stats answers from PostgreSQL beyond 10 s.",
      unit: "s",
      runbook: "AlertCastCountersWrong",
      queries: [q("max(alertcast_counters_age_seconds)", "age")],
    },
    {
      title: "Drift of the live counters",
      description: "Tickets in PostgreSQL less those in Redis, at the same version.",
      unit: "short",
      runbook: "AlertCastCountersWrong",
      queries: [q("max by (severity) (abs(alertcast_counters_drift_tickets))", "{{severity}}")],
    },
    {
      title: "/stats by source",
      description: "Where its numbers came from.",
      unit: "reqps",
      runbook: "AlertCastCountersWrong",
      queries: [q(`sum by (source) (${rate("alertcast_stats_served_total")})`, "{{source}}")],
    },
    {
      title: "Dead letters stored",
      description: "Counted up to 100,000.",
      unit: "short",
      runbook: "AlertCastQuarantineGrowing",
      kind: "stat",
      queries: [q("max(alertcast_dead_letters_stored)", "dead letters")],
    },
    {
      title: "API requests",
      description: "Requests a second by route.",
      unit: "reqps",
      runbook: "AlertCastApiErrors",
      queries: [q(`sum by (route) (${rate("alertcast_api_requests_total")})`, "{{route}}")],
    },
    {
      title: "API errors",
      description: "4xx are the caller's, 5xx are ours.",
      unit: "reqps",
      runbook: "AlertCastApiErrors",
      queries: [q(`sum by (class) (${rate('alertcast_api_requests_total{class=~"4xx|5xx"}')})`, "{{class}}")],
    },
    {
      title: "API time, p99",
      description: "From a request's arrival to its answer.",
      unit: "s",
      runbook: "AlertCastApiErrors",
      queries: [q(p99("alertcast_api_duration_seconds", "le, route"), "{{route}}")],
    },
    {
      title: "Memory",
      description: "Resident memory of each process.",
      unit: "bytes",
      runbook: "AlertCastDown",
      queries: [q("process_resident_memory_bytes", "{{job}} {{instance}}")],
    },
    {
      title: "Event loop, p99",
      description: "For how long the event loop was late. Beyond the session timeout (8 s) partitions are lost.",
      unit: "s",
      runbook: "AlertCastFencing",
      queries: [q("nodejs_eventloop_lag_p99_seconds", "{{job}} {{instance}}")],
    },
  ],
};
