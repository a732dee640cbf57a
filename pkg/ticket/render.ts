// What a ticket says: reason, labels, evidence, from the match a stimulus stands on. Pure.
import type { Rule, Scope, Severity } from "../rule/model.ts";
import type { Grounds } from "../rule/stimulus.ts";
import type { Evidence } from "./ticket.ts";

function scopeOf(deviceId: string, grounds: Grounds): Scope {
  const { match } = grounds;
  return { event: match.fields, deviceId, lastSeenMs: match.lastSeenMs, previous: match.previous?.fields };
}

/** The level's reason for this match (R1). */
export function reasonOf(deviceId: string, severity: Severity, grounds: Grounds): string {
  return grounds.level.reason.render(scopeOf(deviceId, grounds), severity);
}

/** The rule's labels for this match (R1). */
export function labelsOf(rule: Rule, deviceId: string, severity: Severity, grounds: Grounds): Record<string, string> {
  const labels: [string, string][] = [];
  const scope = scopeOf(deviceId, grounds);
  for (const [name, template] of Object.entries(rule.labels)) labels.push([name, template.render(scope, severity)]);
  return Object.fromEntries(labels);
}

/** The event's region, null without one. */
export function regionOf(grounds: Grounds): string | null {
  const { region } = grounds.match.fields;
  return typeof region === "string" ? region : null;
}

/** V1. */
export function evidenceOf(topic: string, rule: Rule, deviceId: string, grounds: Grounds): Evidence {
  const { level, match, dueMs, sinceMs } = grounds;
  return {
    rule_version: rule.version,
    level: level.severity,
    values: level.when?.values(scopeOf(deviceId, grounds)) ?? {},
    entry: {
      topic,
      partition: match.partition,
      offset: match.offset,
      append_time: new Date(match.appendTimeMs).toISOString(),
    },
    event_id: match.eventId ?? null,
    event_time: new Date(match.eventTimeMs).toISOString(),
    trace_id: match.traceId ?? null,
    since: dueMs === undefined ? null : new Date(sinceMs).toISOString(),
    due: dueMs === undefined ? null : new Date(dueMs).toISOString(),
  };
}
