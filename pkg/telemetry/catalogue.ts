// Declares every metric: names, types, labels, help. Code can register no other; docs, panels and alerts use these names.
// Labels are bounded: never a device or a ticket id.
import { collectDefaultMetrics, Registry } from "prom-client";
import type { EventErrorCode } from "../event/event.ts";
import { type Declare, type Declared, declarations } from "./declare.ts";

/** Whoever exports metrics. */
export const COMPONENTS = ["ingestor", "processor", "api", "operator"] as const;
export type Component = (typeof COMPONENTS)[number];

const EVENT_ERROR_CODES: readonly EventErrorCode[] = [
  "null-value",
  "empty-value",
  "invalid-utf8",
  "invalid-json",
  "not-an-object",
  "too-deep",
  "missing-field",
  "wrong-type",
  "bad-value",
  "too-large",
];
const SOURCES = ["http", "simulator"];
const CLASSES = ["2xx", "4xx", "5xx"];
const SEVERITIES = ["critical", "high", "medium", "low"];
/** Seconds: from a healthy request on a fast machine to the request limit. */
const REQUEST_BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Seconds: from a lookup by key to the statement timeout. */
const STATEMENT_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Seconds: from a minute to two weeks, as people and machines take to mend things. */
const RESOLVE_BUCKETS = [
  10,
  60,
  300,
  900,
  1800,
  3600,
  4 * 3600,
  12 * 3600,
  86_400,
  3 * 86_400,
  7 * 86_400,
  14 * 86_400,
];
/** Seconds: from half a batch interval to ten minutes behind. */
const DELAY_BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

export interface MetricsOptions {
  /** Label of alertcast_build_info. Default dev. */
  readonly version?: string;
  /** Also Node's own metrics (process_*, nodejs_*). Default true. */
  readonly processMetrics?: boolean;
}

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * All metrics of the catalogue in a registry of their own; only those of the given components are exported. Known label sets start at 0.
 * @param component the component that lives in this process, or all of them (standalone)
 */
export function createMetrics(component: Component | readonly Component[], options: MetricsOptions = {}) {
  const components = typeof component === "string" ? [component] : component;
  const { version = "dev", processMetrics: withProcessMetrics = true } = options;
  const registry = new Registry();
  const declared: Declared[] = [];
  const scraped: (() => void)[] = [];
  const declare = declarations<Component>(registry, components, declared);
  const metrics = {
    registry,
    /** Everything above and below, whichever component exports it; for documents and tests. */
    declared: declared as readonly Declared[],
    /** Calls `look` before each scrape, so that it may set alertcast_postgres_connections. */
    onScrape: (look: () => void): void => void scraped.push(look),
    ...ingestMetrics(declare("ingestor")),
    ...processMetrics(declare("processor")),
    ...ticketMetrics(declare("processor")),
    ...apiMetrics(declare("api")),
    ...databaseMetrics(declare("processor", "api"), () => {
      for (const look of scraped) look();
    }),
    ...scalerMetrics(declare("operator")),
    ...commonMetrics(declare(...COMPONENTS)),
  };
  for (const name of components) metrics.buildInfo.set({ component: name, version }, 1);
  if (withProcessMetrics) collectDefaultMetrics({ register: registry });
  return metrics;
}

function ingestMetrics(declare: Declare) {
  return {
    eventsReceived: declare.counter("alertcast_events_received_total", "Events offered, valid or not", {
      source: SOURCES,
    }),
    eventsAccepted: declare.counter("alertcast_events_accepted_total", "Events that the log has acknowledged", {
      source: SOURCES,
    }),
    eventsRejected: declare.counter("alertcast_events_rejected_total", "Events that were refused at the door", {
      source: SOURCES,
      code: EVENT_ERROR_CODES,
    }),
    ingestDuration: declare.histogram(
      "alertcast_ingest_duration_seconds",
      "From the request's arrival to its answer",
      REQUEST_BUCKETS,
      { source: ["http"], class: CLASSES },
    ),
    logAppendDuration: declare.histogram(
      "alertcast_log_append_duration_seconds",
      "One append to the log, until acknowledged or given up",
      REQUEST_BUCKETS,
      {},
    ),
    ticksAppended: declare.counter("alertcast_ticks_appended_total", "Ticks appended to partitions without events", {}),
  };
}

function processMetrics(declare: Declare) {
  return {
    eventsProcessed: declare.counter(
      "alertcast_events_processed_total",
      "Events whose batch was committed, dead letters included; a moved event counts at its home, a tick never",
      {},
    ),
    eventsQuarantined: declare.counter("alertcast_events_quarantined_total", "Entries that became dead letters", {
      code: EVENT_ERROR_CODES,
    }),
    eventsLate: declare.counter(
      "alertcast_events_late_total",
      "Events older than the device's newest, within the out-of-order window",
      {},
    ),
    eventsRepeated: declare.counter("alertcast_events_repeated_total", "Events an alarm had taken before", {}),
    batchesFinished: declare.counter("alertcast_batches_finished_total", "Batches by how they ended", {
      outcome: ["committed", "fenced", "unknown", "failed"],
    }),
    batchDuration: declare.histogram(
      "alertcast_batch_duration_seconds",
      "Time of a batch by phase: wait in memory for its turn, decode what has no short way (estimated from every 16th), apply the rules, commit",
      REQUEST_BUCKETS,
      { phase: ["wait", "decode", "rules", "commit"] },
    ),
    eventCommitDelay: declare.histogram(
      "alertcast_event_commit_delay_seconds",
      "From an entry's append to its commit",
      DELAY_BUCKETS,
      {},
    ),
    partitionLagSeconds: declare.gauge("alertcast_partition_lag_seconds", "Age of the oldest entry not yet committed", {
      topic: undefined,
      partition: undefined,
    }),
    partitionLagMessages: declare.gauge("alertcast_partition_lag_messages", "Entries not yet committed", {
      topic: undefined,
      partition: undefined,
    }),
    partitionHalted: declare.gauge("alertcast_partition_halted", "1 while the partition waits for a person", {
      topic: undefined,
      partition: undefined,
    }),
    rulesEvaluated: declare.counter(
      "alertcast_rules_evaluated_total",
      "Evaluations by rule and result; unknown where any level's condition was, whatever the others say",
      { rule: undefined, result: ["true", "false", "unknown"] },
    ),
    rulesetLoads: declare.counter(
      "alertcast_ruleset_loads_total",
      "Rule sets taken from the configuration, and stored ones that this version cannot run",
      { outcome: ["applied", "refused"] },
    ),
    rulesetInfo: declare.gauge("alertcast_ruleset_info", "1 for the rule set in force (first 12 digits of its hash)", {
      version: undefined,
    }),
  };
}

function ticketMetrics(declare: Declare) {
  return {
    ticketsOpened: declare.counter("alertcast_tickets_opened_total", "Tickets opened", {
      rule: undefined,
      severity: SEVERITIES,
    }),
    ticketsResolved: declare.counter("alertcast_tickets_resolved_total", "Tickets resolved", {
      severity: SEVERITIES,
      cause: ["recovered", "person", "rules", "retired"],
    }),
    ticketsReopened: declare.counter("alertcast_tickets_reopened_total", "Tickets reopened", {
      severity: SEVERITIES,
      why: ["condition", "worse", "still-failing", "person"],
    }),
    ticketResolveDelay: declare.histogram(
      "alertcast_ticket_resolve_delay_seconds",
      "From the opening of a ticket to its resolution, by log time",
      RESOLVE_BUCKETS,
      { severity: SEVERITIES },
    ),
  };
}

function apiMetrics(declare: Declare) {
  return {
    ticketsOpen: declare.gauge("alertcast_tickets_open", "Unresolved tickets, from the maintained counts", {
      severity: SEVERITIES,
      status: ["open", "acknowledged"],
    }),
    ticketsUnacknowledgedOldest: declare.gauge(
      "alertcast_tickets_unacknowledged_oldest_seconds",
      "For how long the oldest open ticket has waited for a person, since it was opened or reopened; 0 = none",
      { severity: SEVERITIES },
    ),
    countersDrift: declare.gauge(
      "alertcast_counters_drift_tickets",
      "Tickets in PostgreSQL less those in the live counters, compared at the same version",
      { severity: SEVERITIES },
    ),
    countersAge: declare.gauge("alertcast_counters_age_seconds", "Since the live counters last took a value", {}),
    deadLettersStored: declare.gauge("alertcast_dead_letters_stored", "Dead letters in the database", {}),
    apiRequests: declare.counter("alertcast_api_requests_total", "Requests by route, method and class of status", {
      route: undefined,
      method: undefined,
      class: CLASSES,
    }),
    apiDuration: declare.histogram(
      "alertcast_api_duration_seconds",
      "From a request's arrival to its answer",
      REQUEST_BUCKETS,
      { route: undefined },
    ),
    statsServed: declare.counter("alertcast_stats_served_total", "Answers to /stats by where the numbers came from", {
      source: ["redis", "memory", "postgres"],
    }),
  };
}

/** For who works with PostgreSQL. */
function databaseMetrics(declare: Declare, collect: () => void) {
  return {
    postgresQueryDuration: declare.histogram(
      "alertcast_postgres_query_duration_seconds",
      "One statement, until its answer or its failure, by the statement's name",
      STATEMENT_BUCKETS,
      { query: undefined },
    ),
    postgresConnections: declare.gauge(
      "alertcast_postgres_connections",
      "Connections of the pool, and who waits for one",
      { state: ["busy", "idle", "waiting"] },
      collect,
    ),
  };
}

function scalerMetrics(declare: Declare) {
  const perScaler = { scaler: undefined };
  return {
    scalerLagSeconds: declare.gauge("alertcast_scaler_lag_seconds", "Age of the oldest record that waits", perScaler),
    scalerLagMessages: declare.gauge("alertcast_scaler_lag_messages", "Records not committed", perScaler),
    scalerArrivalRate: declare.gauge("alertcast_scaler_arrival_rate", "Records that arrive, per second", perScaler),
    scalerReplicaRate: declare.gauge(
      "alertcast_scaler_replica_rate",
      "Records that one replica is taken to do, per second",
      perScaler,
    ),
    scalerUtilization: declare.gauge(
      "alertcast_scaler_utilization",
      "Share of the service rate that the fullest member needs",
      perScaler,
    ),
    scalerDesiredReplicas: declare.gauge(
      "alertcast_scaler_desired_replicas",
      "What the target is to have, whether or not it was written",
      perScaler,
    ),
    scalerDecisions: declare.counter("alertcast_scaler_decisions_total", "Decisions, one per look", {
      direction: ["up", "down", "none"],
      reason: undefined,
    }),
    scalerSourceErrors: declare.counter("alertcast_scaler_source_errors_total", "Looks at Kafka that failed", {}),
    scalerIsLeader: declare.gauge("alertcast_scaler_is_leader", "1 in the operator that holds the Lease", {}),
    scalerLastSuccess: declare.gauge(
      "alertcast_scaler_last_success_timestamp_seconds",
      "When the source was last seen completely, Unix time",
      perScaler,
    ),
  };
}

function commonMetrics(declare: Declare) {
  return {
    dependencyUp: declare.gauge(
      "alertcast_dependency_up",
      "1 if the last use of the dependency (kafka, postgres, redis) succeeded",
      {
        component: undefined,
        dependency: undefined,
      },
    ),
    buildInfo: declare.gauge("alertcast_build_info", "1 for each component that runs", {
      component: undefined,
      version: undefined,
    }),
  };
}
