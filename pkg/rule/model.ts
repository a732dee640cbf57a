// The compiled rule set: what rule-file.ts makes of a file and detect.ts works with. Types only.

export type Severity = "critical" | "high" | "medium" | "low";

/** Severities from the lowest to the highest. */
export const SEVERITIES: readonly Severity[] = ["low", "medium", "high", "critical"];

/** 0 (low) to 3 (critical). */
export function severityRank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/** What an expression can see (E1). */
export interface Scope {
  readonly event: Readonly<Record<string, unknown>>;
  readonly deviceId: string;
  /** Log time of the device's entry before this one, ms; NaN = none. */
  readonly lastSeenMs: number;
  /** Fields of the device's last accepted entry before this one. */
  readonly previous: Readonly<Record<string, unknown>> | undefined;
}

/** A compiled condition: true, false, or undefined = unknown (E3). Never throws. */
export interface Condition {
  evaluate(scope: Scope): boolean | undefined;
  /** Values of the paths the expression reads, as JSON-able data; a path that is missing is left out (V1). */
  values(scope: Scope): Record<string, unknown>;
  /** The top-level fields of `event` it reads; undefined when it may look at more than single fields of the event. */
  readonly reads: readonly string[] | undefined;
}

/** A compiled value expression: a JSON-able value; undefined = unknown. Timestamps come as RFC 3339 text. */
export interface ValueExpression {
  evaluate(scope: Scope): unknown;
}

/** Text with {CEL} in it (R1, `reason`). Never throws; the result is well-formed, has no NUL, at most 500 code points. */
export interface Template {
  render(scope: Scope, severity: Severity, rate?: number): string;
}

/** One level of a rule, everything stated or taken from the rule (R1). */
export interface Level {
  readonly severity: Severity;
  readonly when: Condition | undefined;
  readonly rate: RateSpec | undefined;
  /** ms of silence, undefined = not an absence level. */
  readonly absentMs: number | undefined;
  readonly forMs: number;
  /** Matches needed: in a row, or within `withinMs` where that is set. */
  readonly count: number;
  readonly withinMs: number | undefined;
  readonly recover: Condition | undefined;
  readonly recoverForMs: number;
  readonly reason: Template;
}

export interface RateSpec {
  readonly of: ValueExpression;
  readonly perMs: number;
  readonly above: number | undefined;
  readonly below: number | undefined;
  readonly minIntervalMs: number;
}

export interface Rule {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  /** C2: first 16 hex digits of the SHA-256 of the rule's RFC 8785 JSON as written. */
  readonly version: string;
  /** Highest severity first. */
  readonly levels: readonly Level[];
  readonly dedupKey: readonly ValueExpression[];
  /** The dedupKey expressions as written, to see whether they changed (C5). */
  readonly dedupSource: string;
  /** Canonical JSON of the detection keys after defaults (C3): equal text = equal detection. */
  readonly detectionSource: string;
  readonly labels: Readonly<Record<string, Template>>;
  readonly runbook: string | undefined;
  readonly autoResolve: boolean;
  readonly reopenWithinMs: number;
  readonly manualResolveGraceMs: number;
  readonly escalateAfter: readonly { readonly afterMs: number; readonly severity: Severity }[];
  readonly flap: { readonly changes: number; readonly withinMs: number; readonly quietMs: number } | undefined;
  readonly mute: readonly MuteWindow[];
}

export interface MuteWindow {
  /** 0 = Monday to 6 = Sunday. */
  readonly days: readonly number[];
  /** Minutes after midnight. */
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly timeZone: string;
}

export interface RuleSet {
  readonly outOfOrderWindowMs: number;
  readonly maxFutureMs: number;
  readonly rules: readonly Rule[];
  /** True if any expression of an enabled rule reads `previous` (only then is it remembered). */
  readonly usesPrevious: boolean;
  /** The file as plain data, as written: what is stored and compiled again elsewhere. */
  readonly source: unknown;
  /** SHA-256 (hex) of the RFC 8785 JSON of `source`. */
  readonly hash: string;
}

/** One thing wrong with a rule file (R3). */
export interface RuleFileError {
  /** Like `rules[0].levels[1].when`; "" = the whole. */
  readonly path: string;
  readonly code:
    | "unknown-key"
    | "missing-key"
    | "wrong-type"
    | "bad-value"
    | "bad-expression"
    | "conflict"
    | "duplicate-id"
    | "limit"
    /** Valid, but this version cannot run it yet (supported.ts). */
    | "unsupported";
  readonly message: string;
  readonly suggestion?: string;
}

export type RuleFileResult =
  | { readonly ok: true; readonly ruleSet: RuleSet }
  | { readonly ok: false; readonly errors: readonly RuleFileError[] };
