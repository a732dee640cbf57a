// What the processor tells Prometheus, in the names of the catalogue.
import { SEVERITIES } from "../rule/model.ts";
import type { DetectCounts } from "../rule/stimulus.ts";
import type { Metrics } from "../telemetry/catalogue.ts";
import type { CommitResult } from "../ticket/store.ts";
import type { ProcessorObserver, WorkerState } from "./deps.ts";
import type { Pending } from "./pending.ts";

/** Counts into the catalogue's metrics. `now` is the wall clock in ms. */
export function processorMetrics(metrics: Metrics, topic: string, now: () => number): ProcessorObserver {
  let rules: readonly string[] = [];
  const answers = (dependency: "kafka" | "postgres", up: boolean) =>
    metrics.dependencyUp.set({ component: "processor", dependency }, up ? 1 : 0);
  return {
    started: (ruleSet) => {
      rules = ruleSet.rules.filter((rule) => rule.enabled).map((rule) => rule.id);
      startAtZero(metrics, rules);
      metrics.rulesetInfo.set({ version: ruleSet.hash.slice(0, 12) }, 1);
      metrics.rulesetLoads.inc({ outcome: "applied" });
    },
    refused: () => metrics.rulesetLoads.inc({ outcome: "refused" }),
    waited: (ms) => metrics.batchDuration.observe({ phase: "wait" }, ms / 1000),
    detected: (ms, decodeMs) => {
      metrics.batchDuration.observe({ phase: "decode" }, decodeMs / 1000);
      metrics.batchDuration.observe({ phase: "rules" }, Math.max(0, ms - decodeMs) / 1000);
    },
    committed: (result, pending, ms) => {
      answers("postgres", true);
      metrics.batchDuration.observe({ phase: "commit" }, ms / 1000);
      countOutcome(metrics, result, pending);
      if (result.outcome === "fenced") return;
      metrics.eventsProcessed.inc(pending.events);
      if (!Number.isNaN(pending.oldestAppendMs)) {
        metrics.eventCommitDelay.observe(Math.max(0, now() - pending.oldestAppendMs) / 1000);
      }
    },
    failed: () => {
      answers("postgres", false);
      metrics.batchesFinished.inc({ outcome: "failed" });
    },
    logAnswers: (up) => answers("kafka", up),
    counted: (counts, events) => {
      metrics.eventsLate.inc(counts.late);
      metrics.eventsRepeated.inc(counts.repeated);
      countEvaluations(metrics, rules, counts, events);
    },
    partitions: (states) => showPartitions(metrics, topic, states, now()),
  };
}

function startAtZero(metrics: Metrics, rules: readonly string[]): void {
  for (const rule of rules) {
    for (const result of ["true", "false", "unknown"]) metrics.rulesEvaluated.inc({ rule, result }, 0);
    for (const severity of SEVERITIES) metrics.ticketsOpened.inc({ rule, severity }, 0);
  }
}

/** Most evaluations are false, so those are what the others leave: nothing is counted for them event by event. */
function countEvaluations(metrics: Metrics, rules: readonly string[], counts: DetectCounts, events: number): void {
  const evaluated = events - counts.quarantined - counts.late - counts.movedTwice;
  if (evaluated <= 0) return;
  for (const rule of rules) {
    const [yes, unknown] = [counts.matched.get(rule) ?? 0, counts.unknown.get(rule) ?? 0];
    const no = evaluated - yes - unknown - (counts.skipped.get(rule) ?? 0);
    if (yes > 0) metrics.rulesEvaluated.inc({ rule, result: "true" }, yes);
    if (unknown > 0) metrics.rulesEvaluated.inc({ rule, result: "unknown" }, unknown);
    if (no > 0) metrics.rulesEvaluated.inc({ rule, result: "false" }, no);
  }
}

function countOutcome(metrics: Metrics, result: CommitResult, pending: Pending): void {
  const outcome = result.outcome === "already" ? "unknown" : result.outcome;
  metrics.batchesFinished.inc({ outcome });
  if (result.outcome === "fenced") return;
  for (const { code } of pending.deadLetters) metrics.eventsQuarantined.inc({ code });
  if (result.outcome !== "committed") return;
  for (const event of result.settled.events) {
    const { ruleId, severity } = event.ticket;
    if (event.type === "opened") metrics.ticketsOpened.inc({ rule: ruleId, severity });
    else if (event.type === "reopened") metrics.ticketsReopened.inc({ severity, why: event.why ?? "condition" });
    else if (event.type === "resolved") {
      metrics.ticketsResolved.inc({ severity, cause: event.cause === "rules" ? "rules" : "recovered" });
      metrics.ticketResolveDelay.observe({ severity }, Math.max(0, event.atMs - event.ticket.openedAtMs) / 1000);
    }
  }
}

function showPartitions(
  metrics: Metrics,
  topic: string,
  states: ReadonlyMap<number, WorkerState>,
  nowMs: number,
): void {
  metrics.partitionLagMessages.reset();
  metrics.partitionLagSeconds.reset();
  metrics.partitionHalted.reset();
  for (const [partition, { nextOffset, end, phase, clockMs }] of states) {
    const labels = { topic, partition: String(partition) };
    const lag = Math.max(0, end - nextOffset);
    metrics.partitionLagMessages.set(labels, lag);
    const behindMs = lag === 0 || !Number.isFinite(clockMs) ? 0 : nowMs - clockMs;
    metrics.partitionLagSeconds.set(labels, Math.max(0, behindMs) / 1000);
    metrics.partitionHalted.set(labels, phase === "halted" ? 1 : 0);
  }
}
