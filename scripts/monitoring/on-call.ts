// What is open, what comes and goes, and whether somebody looks at it.
import { type Dashboard, q, rate } from "./panel.ts";

export const ON_CALL: Dashboard = {
  id: "on-call",
  title: "AlertCast / On-call",
  panels: [
    {
      title: "Open tickets",
      description: "Unresolved tickets by severity and status, as PostgreSQL counts them.",
      unit: "short",
      runbook: "AlertCastTicketStorm",
      queries: [q("max by (severity, status) (alertcast_tickets_open)", "{{severity}} {{status}}")],
    },
    {
      title: "Opened and resolved per minute",
      description: "Opened upwards, resolved downwards.",
      unit: "short",
      runbook: "AlertCastTicketStorm",
      queries: [
        q(`60 * sum by (severity) (${rate("alertcast_tickets_opened_total")})`, "opened {{severity}}"),
        q(`-60 * sum by (severity) (${rate("alertcast_tickets_resolved_total")})`, "resolved {{severity}}"),
      ],
    },
    {
      title: "Oldest unacknowledged",
      description: "For how long the oldest open ticket has waited for a person, since it was opened or reopened.",
      unit: "s",
      runbook: "AlertCastCriticalUnacknowledged",
      queries: [q("max by (severity) (alertcast_tickets_unacknowledged_oldest_seconds)", "{{severity}}")],
    },
    {
      title: "Behind the devices",
      description: "Age of the oldest event that is not processed yet: what the list cannot know.",
      unit: "s",
      runbook: "AlertCastProcessorsBehind",
      queries: [q("max(alertcast_partition_lag_seconds)", "lag")],
    },
    {
      title: "Noisiest rules, 24 h",
      description: "Tickets opened in the last day, by rule.",
      unit: "short",
      runbook: "AlertCastTicketStorm",
      kind: "bargauge",
      queries: [q("topk(10, sum by (rule) (increase(alertcast_tickets_opened_total[1d])))", "{{rule}}")],
    },
    {
      title: "Opened by rule and severity, 24 h",
      description: "The same with the severity at opening.",
      unit: "short",
      runbook: "AlertCastTicketStorm",
      kind: "bargauge",
      queries: [q("sum by (rule, severity) (increase(alertcast_tickets_opened_total[1d]))", "{{rule}} {{severity}}")],
    },
    {
      title: "Time to resolution, p90",
      description: "From opening to resolution, over six hours, by log time.",
      unit: "s",
      runbook: "AlertCastCriticalUnacknowledged",
      queries: [
        q(
          "histogram_quantile(0.9, sum by (le, severity) (rate(alertcast_ticket_resolve_delay_seconds_bucket[6h])))",
          "{{severity}}",
        ),
      ],
    },
    {
      title: "Reopened share",
      description: "Reopened against opened tickets over an hour: high means rules that flutter.",
      unit: "percentunit",
      runbook: "AlertCastTicketStorm",
      queries: [
        q(
          "sum(rate(alertcast_tickets_reopened_total[1h])) / sum(rate(alertcast_tickets_opened_total[1h]))",
          "reopened / opened",
        ),
      ],
    },
  ],
};
