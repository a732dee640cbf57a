// Decides what stimuli do to tickets (L1-L6, N1, C5, C6). Pure, over the tickets it is given: no clock, no I/O.
import { type Rule, type Severity, severityRank } from "../rule/model.ts";
import type { RemovedRule, Stimulus } from "../rule/stimulus.ts";
import { evidenceOf, labelsOf, reasonOf, regionOf } from "./render.ts";
import { alarmKey, type Ticket, type TicketEvent, type TicketEventType } from "./ticket.ts";

/** Changed rules put into force before the stimuli (C1). */
export interface Removal {
  readonly atMs: number;
  readonly removed: readonly RemovedRule[];
}

export interface SettleInput {
  readonly topic: string;
  readonly partition: number;
  /** Number of the rule set in force. */
  readonly ruleSetId: number;
  /** The newest ticket of every alarm that a stimulus names, as far as there is one, by alarmKey. Changed in place. */
  readonly tickets: Map<string, Ticket>;
  /** Every ticket of the removed rules that is unresolved or may still be reopened. Changed in place. */
  readonly ofRemovedRules: readonly Ticket[];
  readonly removal: Removal | undefined;
  readonly stimuli: readonly Stimulus[];
}

export interface SettleResult {
  /** New tickets, with id 0. */
  readonly opened: readonly Ticket[];
  /** Tickets that were there before and are different now. */
  readonly changed: ReadonlySet<Ticket>;
  /** In order. */
  readonly events: readonly TicketEvent[];
}

class Settlement {
  readonly #input: SettleInput;
  readonly opened: Ticket[] = [];
  readonly changed = new Set<Ticket>();
  readonly events: TicketEvent[] = [];

  constructor(input: SettleInput) {
    this.#input = input;
  }

  apply(stimulus: Stimulus): void {
    const key = alarmKey(stimulus.rule.id, stimulus.deviceId, stimulus.dedup);
    const ticket = this.#input.tickets.get(key);
    if (stimulus.before === undefined) this.#goesOn(stimulus, ticket, key);
    else if (ticket === undefined) return;
    else if (stimulus.after === undefined) this.#goesOff(stimulus, ticket);
    else this.#staysOn(stimulus, ticket, stimulus.after);
  }

  remove(ticket: Ticket, why: string, atMs: number): void {
    this.changed.add(ticket);
    ticket.reopenable = false;
    ticket.alarmOn = false;
    if (ticket.status === "resolved") return;
    ticket.status = "resolved";
    ticket.resolvedAtMs = atMs;
    this.events.push({
      ...rowOf(ticket, "resolved", atMs, ticket.ruleVersion),
      cause: "rules",
      why,
      notify: ticket.runNotified,
    });
  }

  #goesOn(stimulus: Stimulus, ticket: Ticket | undefined, key: string): void {
    if (ticket !== undefined && ticket.status !== "resolved") this.#recurs(stimulus, ticket);
    else if (ticket !== undefined && mayReopen(ticket, stimulus.rule, stimulus.atMs)) this.#reopens(stimulus, ticket);
    else this.#opens(stimulus, (ticket?.seq ?? 0) + 1, key);
  }

  /** L1. */
  #opens(stimulus: Stimulus, seq: number, key: string): void {
    const { rule, after: severity, onset, grounds } = stimulus;
    if (severity === undefined || onset === undefined || grounds === undefined) return;
    const ticket: Ticket = {
      id: 0,
      partition: this.#input.partition,
      ruleId: rule.id,
      deviceId: stimulus.deviceId,
      dedup: stimulus.dedup,
      seq,
      status: "open",
      severity,
      peakSeverity: severity,
      reason: reasonOf(stimulus.deviceId, severity, grounds),
      region: regionOf(grounds),
      labels: labelsOf(rule, stimulus.deviceId, severity, grounds),
      runbook: rule.runbook ?? null,
      openedAtMs: stimulus.atMs,
      resolvedAtMs: null,
      firstSeenMs: onset.firstSeenMs,
      lastSeenMs: onset.lastSeenMs,
      occurrences: onset.occurrences,
      reopens: 0,
      alarmOn: true,
      runNotified: true,
      reopenable: true,
      openedUnder: this.#input.ruleSetId,
      ruleVersion: rule.version,
      evidence: JSON.stringify(evidenceOf(this.#input.topic, rule, stimulus.deviceId, grounds)),
      eventJson: grounds.match.text,
    };
    this.#input.tickets.set(key, ticket);
    this.opened.push(ticket);
    this.#row(ticket, "opened", stimulus, { to: severity, notify: true, evidence: ticket.evidence });
  }

  /** L3. */
  #reopens(stimulus: Stimulus, ticket: Ticket): void {
    const { after: severity, onset } = stimulus;
    if (severity === undefined || onset === undefined) return;
    this.#touch(ticket);
    ticket.status = "open";
    ticket.resolvedAtMs = null;
    ticket.reopens++;
    ticket.occurrences += onset.fresh;
    ticket.lastSeenMs = Math.max(ticket.lastSeenMs, onset.lastSeenMs);
    ticket.alarmOn = true;
    ticket.runNotified = true;
    this.#takeSeverity(ticket, severity, stimulus);
    this.#row(ticket, "reopened", stimulus, {
      why: "condition",
      to: severity,
      notify: true,
      evidence: ticket.evidence,
    });
  }

  /** L5: an unresolved ticket whose alarm was off. */
  #recurs(stimulus: Stimulus, ticket: Ticket): void {
    const { after, onset } = stimulus;
    if (after === undefined || onset === undefined) return;
    this.#touch(ticket);
    ticket.occurrences += onset.fresh;
    ticket.lastSeenMs = Math.max(ticket.lastSeenMs, onset.lastSeenMs);
    ticket.alarmOn = true;
    this.#row(ticket, "recurred", stimulus, { notify: false });
    this.#changeSeverity(stimulus, ticket, after);
  }

  /** L2, L6. */
  #staysOn(stimulus: Stimulus, ticket: Ticket, after: Severity): void {
    if (stimulus.matched) {
      this.#touch(ticket);
      ticket.occurrences++;
      ticket.lastSeenMs = stimulus.atMs;
    }
    if (ticket.status !== "resolved") this.#changeSeverity(stimulus, ticket, after);
  }

  #changeSeverity(stimulus: Stimulus, ticket: Ticket, after: Severity): void {
    const from = ticket.severity;
    if (from === after) return;
    this.#touch(ticket);
    const notify = severityRank(after) > severityRank(from);
    if (notify) ticket.runNotified = true;
    this.#takeSeverity(ticket, after, stimulus);
    this.#row(ticket, "severity_changed", stimulus, { from, to: after, notify, evidence: ticket.evidence });
  }

  /** L4, L5. */
  #goesOff(stimulus: Stimulus, ticket: Ticket): void {
    this.#touch(ticket);
    ticket.alarmOn = false;
    if (ticket.status === "resolved") return;
    const notify = ticket.runNotified;
    if (!stimulus.rule.autoResolve) {
      this.#row(ticket, "recovered", stimulus, { notify });
      return;
    }
    ticket.status = "resolved";
    ticket.resolvedAtMs = stimulus.atMs;
    this.#row(ticket, "resolved", stimulus, { why: "recovered", notify });
  }

  #takeSeverity(ticket: Ticket, severity: Severity, stimulus: Stimulus): void {
    ticket.severity = severity;
    if (severityRank(severity) > severityRank(ticket.peakSeverity)) ticket.peakSeverity = severity;
    const { grounds, rule, deviceId } = stimulus;
    if (grounds === undefined) return;
    ticket.reason = reasonOf(deviceId, severity, grounds);
    ticket.evidence = JSON.stringify(evidenceOf(this.#input.topic, rule, deviceId, grounds));
  }

  #touch(ticket: Ticket): void {
    if (ticket.id !== 0) this.changed.add(ticket);
  }

  #row(ticket: Ticket, type: TicketEventType, stimulus: Stimulus, fields: Partial<TicketEvent>): void {
    this.events.push({
      ...rowOf(ticket, type, stimulus.atMs, stimulus.rule.version),
      cause: stimulus.cause,
      ...fields,
    });
  }
}

function rowOf(ticket: Ticket, type: TicketEventType, atMs: number, ruleVersion: string): TicketEvent {
  return {
    ticket,
    atMs,
    type,
    cause: "entry",
    why: null,
    from: null,
    to: null,
    by: null,
    notify: false,
    ruleVersion,
    evidence: null,
  };
}

/** L3: at most `reopenWithin` after it was resolved; 0 s = always a new one. */
function mayReopen(ticket: Ticket, rule: Rule, atMs: number): boolean {
  if (!ticket.reopenable || rule.reopenWithinMs === 0 || ticket.resolvedAtMs === null) return false;
  return atMs - ticket.resolvedAtMs <= rule.reopenWithinMs;
}

/** Applies a removal of rules, then the stimuli in order. The result does not depend on where a batch was cut. */
export function settle(input: SettleInput): SettleResult {
  const settlement = new Settlement(input);
  if (input.removal !== undefined) {
    const why = new Map(input.removal.removed.map((r) => [r.ruleId, r.why]));
    for (const ticket of input.ofRemovedRules) {
      settlement.remove(ticket, why.get(ticket.ruleId) ?? "rule-removed", input.removal.atMs);
    }
  }
  for (const stimulus of input.stimuli) settlement.apply(stimulus);
  return settlement;
}
