// How counts of tickets are put together. Pure.
import { SEVERITIES, type Severity } from "../rule/model.ts";
import type { TicketCounts } from "./read.ts";
import type { TicketStatus } from "./ticket.ts";

export const STATUSES: readonly TicketStatus[] = ["open", "acknowledged", "resolved"];

/** Counts with `n` of (severity, status) for every pair. */
export function countsOf(n: (severity: Severity, status: TicketStatus) => number): TicketCounts {
  const ofSeverity = (severity: Severity) => ({
    open: n(severity, "open"),
    acknowledged: n(severity, "acknowledged"),
    resolved: n(severity, "resolved"),
  });
  return {
    critical: ofSeverity("critical"),
    high: ofSeverity("high"),
    medium: ofSeverity("medium"),
    low: ofSeverity("low"),
  };
}

/** Every (severity, status) pair. */
export const COUNT_PAIRS: readonly (readonly [Severity, TicketStatus])[] = SEVERITIES.flatMap((severity) =>
  STATUSES.map((status) => [severity, status] as const),
);

/** All tickets of a severity, whatever their status. */
export function totalOf(counts: TicketCounts, severity: Severity): number {
  return STATUSES.reduce((sum, status) => sum + counts[severity][status], 0);
}
