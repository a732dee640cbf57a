// Declares every metric: names, types, labels, help. Code can register no other; docs, panels and alerts use these names.
// Labels are bounded: never a device or a ticket id.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { EventErrorCode } from "../event/event.ts";

export type Component = "ingestor" | "processor" | "api";

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
  const declare = declarations(registry, components);
  const metrics = {
    registry,
    ...ingestMetrics(declare("ingestor")),
    ...processMetrics(declare("processor")),
    ...ticketMetrics(declare("processor")),
    ...apiMetrics(declare("api")),
    ...commonMetrics(declare(...components)),
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
    eventsProcessed: declare.counter("alertcast_events_processed_total", "Log entries whose batch was committed", {}),
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
    batchDuration: declare.histogram("alertcast_batch_duration_seconds", "Time of a batch by phase", REQUEST_BUCKETS, {
      phase: ["wait", "decode", "rules", "commit"],
    }),
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
    rulesEvaluated: declare.counter("alertcast_rules_evaluated_total", "Evaluations by rule and result", {
      rule: undefined,
      result: ["true", "false", "unknown"],
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
  };
}

function apiMetrics(declare: Declare) {
  return {
    ticketsOpen: declare.gauge("alertcast_tickets_open", "Unresolved tickets, from the maintained counts", {
      severity: SEVERITIES,
      status: ["open", "acknowledged"],
    }),
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

function commonMetrics(declare: Declare) {
  return {
    dependencyUp: declare.gauge("alertcast_dependency_up", "1 if the last use of the dependency succeeded", {
      component: undefined,
      dependency: undefined,
    }),
    buildInfo: declare.gauge("alertcast_build_info", "1 for each component that runs", {
      component: undefined,
      version: undefined,
    }),
  };
}

/** Label names with their known values; undefined = not known before the first use. */
type Labels = Readonly<Record<string, readonly string[] | undefined>>;
type Name<L extends Labels> = Extract<keyof L, string>;

interface Declare {
  counter<const L extends Labels>(name: string, help: string, labels: L): Counter<Name<L>>;
  gauge<const L extends Labels>(name: string, help: string, labels: L): Gauge<Name<L>>;
  histogram<const L extends Labels>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: L,
  ): Histogram<Name<L>>;
}

function declarations(registry: Registry, running: readonly Component[]) {
  return (...owners: readonly Component[]): Declare => {
    const registers = owners.some((owner) => running.includes(owner)) ? [registry] : [];
    return {
      counter(name, help, labels) {
        const counter = new Counter({ name, help, registers, labelNames: namesOf(labels) });
        for (const set of knownLabelSets(labels)) counter.inc(set, 0);
        return counter;
      },
      gauge(name, help, labels) {
        const gauge = new Gauge({ name, help, registers, labelNames: namesOf(labels) });
        for (const set of knownLabelSets(labels)) gauge.set(set, 0);
        return gauge;
      },
      histogram(name, help, buckets, labels) {
        const histogram = new Histogram({ name, help, registers, buckets: [...buckets], labelNames: namesOf(labels) });
        for (const set of knownLabelSets(labels)) histogram.zero(set);
        return histogram;
      },
    };
  };
}

function namesOf<L extends Labels>(labels: L): Name<L>[] {
  return Object.keys(labels) as Name<L>[];
}

/** Every combination of known values; none if a label's values are not known or there is no label (prom-client then starts at 0 itself). */
function knownLabelSets<L extends Labels>(labels: L): Record<Name<L>, string>[] {
  let sets: Record<string, string>[] = [{}];
  for (const [name, values] of Object.entries(labels)) {
    if (values === undefined) return [];
    sets = sets.flatMap((set) => values.map((value) => ({ ...set, [name]: value })));
  }
  return Object.keys(labels).length === 0 ? [] : (sets as Record<Name<L>, string>[]);
}
