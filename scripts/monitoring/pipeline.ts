// The way of an event, from the door to the commit, and the rules on it.
import { type Dashboard, p99, q, rate } from "./panel.ts";

export const PIPELINE: Dashboard = {
  id: "pipeline",
  title: "AlertCast / Pipeline",
  panels: [
    {
      title: "Events in",
      description: "Events that the log has acknowledged, by where they came from.",
      unit: "eps",
      runbook: "AlertCastNoEvents",
      queries: [q(`sum by (source) (${rate("alertcast_events_accepted_total")})`, "{{source}}")],
    },
    {
      title: "Events out",
      description: "Events whose batch was committed. Ticks are not counted.",
      unit: "eps",
      runbook: "AlertCastNoEvents",
      queries: [q(`sum(${rate("alertcast_events_processed_total")})`, "processed")],
    },
    {
      title: "Lag in time",
      description: "Age of the oldest event that is not committed, by partition.",
      unit: "s",
      runbook: "AlertCastProcessorsBehind",
      queries: [q("max by (partition) (alertcast_partition_lag_seconds)", "{{partition}}")],
    },
    {
      title: "Lag in records",
      description: "Records that are not committed.",
      unit: "short",
      runbook: "AlertCastProcessorsBehind",
      queries: [q("sum by (topic) (alertcast_partition_lag_messages)", "{{topic}}")],
    },
    {
      title: "Append to commit, p99",
      description: "From an event's append to the commit of its tickets.",
      unit: "s",
      runbook: "AlertCastProcessorsBehind",
      queries: [q(p99("alertcast_event_commit_delay_seconds"), "p99")],
    },
    {
      title: "Batch time by phase",
      description: "Mean time of a batch: waiting for its turn, decoding, rules, commit.",
      unit: "s",
      runbook: "AlertCastProcessorsBehind",
      queries: [
        q(
          `sum by (phase) (${rate("alertcast_batch_duration_seconds_sum")}) / sum by (phase) (${rate("alertcast_batch_duration_seconds_count")})`,
          "{{phase}}",
        ),
      ],
    },
    {
      title: "Batches by outcome",
      description: "Only `committed` is good; `fenced` is a change of owners, `failed` and `unknown` are the database.",
      unit: "ops",
      runbook: "AlertCastCommitsFailing",
      queries: [q(`sum by (outcome) (${rate("alertcast_batches_finished_total")})`, "{{outcome}}")],
    },
    {
      title: "Rejected and quarantined",
      description: "Refused at the door, and records of the log that are no events, by code.",
      unit: "eps",
      runbook: "AlertCastEventsRejected",
      queries: [
        q(`sum by (code) (${rate("alertcast_events_rejected_total")})`, "rejected {{code}}"),
        q(`sum by (code) (${rate("alertcast_events_quarantined_total")})`, "quarantined {{code}}"),
      ],
    },
    {
      title: "Late and repeated",
      description: "Events older than their device's newest, and events that an alarm had taken before.",
      unit: "eps",
      runbook: "AlertCastEventsRejected",
      queries: [
        q(`sum(${rate("alertcast_events_late_total")})`, "late"),
        q(`sum(${rate("alertcast_events_repeated_total")})`, "repeated"),
      ],
    },
    {
      title: "Ingest and append, p99",
      description: "A request until its answer, and one append until the brokers' acknowledgement.",
      unit: "s",
      runbook: "AlertCastIngestFailing",
      queries: [
        q(p99("alertcast_ingest_duration_seconds"), "request"),
        q(p99("alertcast_log_append_duration_seconds"), "append"),
      ],
    },
    {
      title: "Requests that bring events",
      description: "By class of the answer.",
      unit: "reqps",
      runbook: "AlertCastIngestFailing",
      queries: [q(`sum by (class) (${rate("alertcast_ingest_duration_seconds_count")})`, "{{class}}")],
    },
    {
      title: "Halted partitions",
      description: "Partitions that stand still until a person has looked.",
      unit: "short",
      runbook: "AlertCastPartitionHalted",
      kind: "stat",
      queries: [q("sum(alertcast_partition_halted)", "halted")],
    },
    {
      title: "Components",
      description: "Processes that are scraped, by component.",
      unit: "short",
      runbook: "AlertCastDown",
      queries: [q("count by (component) (alertcast_build_info)", "{{component}}")],
    },
    {
      title: "Ticks",
      description: "Ticks appended to quiet partitions, so that timers fire without events.",
      unit: "ops",
      runbook: "AlertCastNoEvents",
      queries: [q(`sum(${rate("alertcast_ticks_appended_total")})`, "ticks")],
    },
    {
      title: "Rules that match",
      description: "Events a second for which a rule was true.",
      unit: "eps",
      runbook: "AlertCastTicketStorm",
      queries: [q(`topk(20, sum by (rule) (${rate('alertcast_rules_evaluated_total{result="true"}')}))`, "{{rule}}")],
    },
    {
      title: "Rules that cannot judge",
      description: "Share of the events for which a rule's condition was unknown.",
      unit: "percentunit",
      runbook: "AlertCastRuleBlind",
      queries: [
        q(
          `sum by (rule) (${rate('alertcast_rules_evaluated_total{result="unknown"}')}) / sum by (rule) (${rate("alertcast_rules_evaluated_total")})`,
          "{{rule}}",
        ),
      ],
    },
    {
      title: "Rule sets in force",
      description: "Processors by version of their rule set: more than one for long is a rollout that hangs.",
      unit: "short",
      runbook: "AlertCastRulesRefused",
      queries: [q("count by (version) (alertcast_ruleset_info)", "{{version}}")],
    },
    {
      title: "Rule set loads, 24 h",
      description: "Rule sets taken, and stored ones that this version cannot run.",
      unit: "short",
      runbook: "AlertCastRulesRefused",
      kind: "stat",
      queries: [q("sum by (outcome) (increase(alertcast_ruleset_loads_total[1d]))", "{{outcome}}")],
    },
  ],
};
