// Writes the tickets of one alarm's story, and their history (L1 to L6, N1). Never looks at events, only at the story.
import type { OracleRule } from "./default-rules.ts";
import type { Turn } from "./story.ts";
import type { HistoryRow, OracleTicket, Reading, Severity } from "./types.ts";

const RANK: Record<Severity, number> = { low: 0, medium: 1, high: 2, critical: 3 };

/** The tickets of one alarm, oldest first, and the rows of their history in order. */
export function ticketsOf(
  rule: OracleRule,
  device: string,
  turns: readonly Turn[],
  reopenWithinMs: number,
): { tickets: OracleTicket[]; history: HistoryRow[] } {
  const tickets: OracleTicket[] = [];
  const history: HistoryRow[] = [];
  const write = (ticket: OracleTicket, type: string, atMs: number, rest: Partial<HistoryRow>) => {
    const nothing = { why: null, from: null, to: null, notify: true };
    history.push({ rule: rule.id, device, seq: ticket.seq, type, atMs, cause: "entry", ...nothing, ...rest });
  };

  for (const turn of turns) {
    const { before, after, reading } = turn;
    const ticket = tickets.at(-1);
    if (after === null) {
      // Without silences every run was announced, so its end always is (N1).
      if (ticket !== undefined) {
        Object.assign(ticket, { status: "resolved", resolvedAtMs: reading.atMs });
        write(ticket, "resolved", reading.atMs, { why: "recovered" });
      }
    } else if (before === null && (ticket === undefined || !isBackInTime(ticket, reading, reopenWithinMs))) {
      const opened = openTicket(rule, device, tickets.length + 1, turn, after);
      tickets.push(opened);
      write(opened, "opened", reading.atMs, { to: after });
    } else if (ticket !== undefined) {
      if (turn.matched) {
        ticket.occurrences++;
        ticket.lastSeenMs = reading.atMs;
      }
      if (before === after) continue;
      if (before === null) {
        Object.assign(ticket, { status: "open", resolvedAtMs: null, reopens: ticket.reopens + 1 });
        write(ticket, "reopened", reading.atMs, { why: "condition", to: after });
      } else {
        write(ticket, "severity_changed", reading.atMs, {
          from: before,
          to: after,
          notify: RANK[after] > RANK[before],
        });
      }
      ticket.severity = after;
      if (RANK[after] > RANK[ticket.peakSeverity]) ticket.peakSeverity = after;
      ticket.reason = rule.reason(turn.grounds.fields, after);
      ticket.evidenceEntry = entryName(turn.grounds);
    }
  }
  return { tickets, history };
}

/** L3: whether going on now is the same trouble again. */
function isBackInTime(ticket: OracleTicket, reading: Reading, reopenWithinMs: number): boolean {
  if (ticket.resolvedAtMs === null || reopenWithinMs === 0) return false;
  return reading.atMs - ticket.resolvedAtMs <= reopenWithinMs;
}

function openTicket(rule: OracleRule, device: string, seq: number, turn: Turn, severity: Severity): OracleTicket {
  const { atMs, text } = turn.reading;
  return {
    rule: rule.id,
    device,
    seq,
    status: "open",
    severity,
    peakSeverity: severity,
    reason: rule.reason(turn.grounds.fields, severity),
    openedAtMs: atMs,
    resolvedAtMs: null,
    firstSeenMs: atMs,
    lastSeenMs: atMs,
    occurrences: 1,
    reopens: 0,
    eventJson: text,
    evidenceEntry: entryName(turn.reading),
  };
}

function entryName(reading: Reading): string {
  return `${reading.partition}/${reading.offset}`;
}
