// Reads the golden vectors that lie in the reference model's scope. Test support: compiles only the few conditions they use.
import { loadVectors as loadFile } from "../vectors.ts";
import type { Answer, Fields, OracleLevel, OracleRule } from "./default-rules.ts";
import type { OracleOptions } from "./fold.ts";
import type { DumpedRecord, Severity } from "./types.ts";

const FILES = ["default-set.json", "detection.json", "evidence.json", "lifecycle.json", "time.json", "unknown.json"];

interface Entry {
  readonly partition: number;
  readonly offset: number;
  readonly appendTime: string;
  readonly event?: unknown;
  readonly raw?: string;
  readonly tick?: boolean;
  readonly control?: unknown;
  readonly origin?: { readonly partition: number; readonly offset: number };
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ExpectedRow {
  readonly ticket: string;
  readonly type: string;
  readonly at: string;
  readonly cause: string;
  readonly notify: boolean;
  readonly why?: string;
  readonly from?: string;
  readonly to?: string;
}

export interface Step {
  readonly entry?: Entry;
  readonly action?: unknown;
  readonly rules?: unknown;
  readonly expect?: {
    readonly history?: readonly ExpectedRow[];
    readonly tickets?: Readonly<Record<string, Readonly<Record<string, unknown>> | null>>;
  };
}

interface LevelJson {
  readonly severity: Severity;
  readonly when: string;
  readonly recover?: string;
  readonly reason?: string;
}

interface RuleJson extends LevelJson {
  readonly id: string;
  readonly levels?: readonly LevelJson[];
  readonly reopenWithin?: string;
  readonly flap?: false | { readonly within: string };
}

interface RuleSetJson {
  readonly time?: { readonly outOfOrderWindow?: string; readonly maxFuture?: string };
  readonly rules: readonly RuleJson[];
}

export interface Vector {
  readonly name: string;
  readonly clauses: readonly string[];
  readonly kind?: string;
  readonly rules: "default" | RuleSetJson;
  readonly partitions?: number;
  readonly steps: readonly Step[];
  readonly counts?: Readonly<Record<string, number>>;
  readonly ticketCount?: number;
}

export type Scoped = { readonly options: OracleOptions } | { readonly leftOut: string };

/** The fold vectors of the files that can be in scope, none where the vectors are not beside the checkout. */
export function loadVectors(): { file: string; vector: Vector }[] {
  return FILES.flatMap((file) => {
    const vectors = (loadFile(file) as Vector[] | undefined) ?? [];
    const folds = vectors.filter((vector) => vector.kind === undefined || vector.kind === "fold");
    return folds.map((vector) => ({ file, vector }));
  });
}

/** How to fold a vector, or why the reference model cannot. */
export function scopeOf({ rules, steps, clauses, partitions = 1 }: Vector): Scoped {
  if (steps.some((step) => step.action !== undefined)) return { leftOut: "people act" };
  if (steps.some((step) => step.rules !== undefined)) return { leftOut: "rules change" };
  if (steps.some((step) => step.entry?.control !== undefined)) return { leftOut: "control records" };
  if (rules === "default") return { options: { partitions } };
  if (clauses.includes("L9") && rules.rules.some((rule) => rule.flap !== false)) return { leftOut: "flapping" };

  const compiled = rules.rules.map(ruleOf);
  const missing = compiled.find((rule) => typeof rule === "string");
  if (missing !== undefined) return { leftOut: String(missing) };
  const longest = (values: readonly number[]) => Math.max(...values, 15 * 60_000);
  const within = rules.rules.map(({ flap }) => (flap === false ? 0 : msOf(flap?.within ?? "30m")));
  const reopenWithinMs = msOf(rules.rules.find((rule) => rule.reopenWithin !== undefined)?.reopenWithin ?? "15m");
  return {
    options: {
      partitions,
      rules: compiled.filter((rule) => typeof rule !== "string"),
      outOfOrderWindowMs: msOf(rules.time?.outOfOrderWindow ?? "1m"),
      maxFutureMs: msOf(rules.time?.maxFuture ?? "5m"),
      reopenWithinMs,
      rememberMs: longest([...within, reopenWithinMs]),
    },
  };
}

const KNOWN_KEYS = [
  "id",
  "name",
  "severity",
  "when",
  "recover",
  "reason",
  "levels",
  "reopenWithin",
  "flap",
  "labels",
  "runbook",
];

/** The rule in plain code, or what it has that is not in scope. */
function ruleOf(rule: RuleJson): OracleRule | string {
  const levels = rule.levels ?? [rule];
  const unknownKey = [rule, ...levels].flatMap(Object.keys).find((key) => !KNOWN_KEYS.includes(key));
  if (unknownKey !== undefined) return unknownKey;
  const template = [rule, ...levels].find(({ reason = "" }) => /\{(?!event\.\w+\})/.test(reason));
  if (template !== undefined) return "reasons with more than {event.field}";
  const compiled: OracleLevel[] = [];
  for (const level of levels) {
    const match = conditionOf(level.when);
    const recover = level.recover === undefined ? undefined : conditionOf(level.recover);
    if (match === undefined) return `condition ${level.when}`;
    if (level.recover !== undefined && recover === undefined) return `condition ${level.recover}`;
    compiled.push({ severity: level.severity, match, ...(recover === undefined ? {} : { recover }) });
  }
  const reason = (event: Fields, severity: Severity) => {
    const text = levels.find((level) => level.severity === severity)?.reason ?? rule.reason ?? rule.id;
    return text.replaceAll(/\{event\.(\w+)\}/g, (_, name: string) => String(event[name] ?? "?"));
  };
  return { id: rule.id, levels: compiled, reason };
}

/** `path op literal`, `has(path)`, `!has(path)`, and those joined by `&&`. */
function conditionOf(expression: string): ((event: Fields) => Answer) | undefined {
  const parts = expression.split(" && ").map(termOf);
  const terms = parts.filter((term) => term !== undefined);
  if (terms.length < parts.length) return undefined;
  return (event) => {
    const answers = terms.map((term) => term(event));
    return answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
  };
}

function termOf(text: string): ((event: Fields) => Answer) | undefined {
  const has = /^(!?)has\(event\.(\w+)\)$/.exec(text);
  if (has !== null) return (event) => Object.hasOwn(event, has[2] ?? "") !== (has[1] === "!");
  const compared = /^(event(?:\.\w+)+|device\.id) (==|!=|>=|>|<=|<) (null|true|false|"[^"]*"|-?[\d.]+)$/.exec(text);
  if (compared === null) return undefined;
  const [, path = "", operator = ""] = compared;
  const wanted: unknown = JSON.parse(compared[3] ?? "");
  const names = path === "device.id" ? ["device_id"] : path.split(".").slice(1);
  return (event) => {
    const sent = names.reduce<unknown>((value, name) => (value as Fields | null | undefined)?.[name], event);
    if (sent === undefined) return undefined;
    if (operator === "==") return sent === wanted;
    if (operator === "!=") return sent !== wanted;
    if (typeof sent !== "number" || typeof wanted !== "number") return undefined;
    return { ">=": sent >= wanted, ">": sent > wanted, "<=": sent <= wanted, "<": sent < wanted }[operator];
  };
}

function msOf(duration: string): number {
  const units: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 };
  const parts = [...duration.matchAll(/(\d+)([dhms])/g)];
  return parts.reduce((sum, [, n, unit = ""]) => sum + Number(n) * (units[unit] ?? Number.NaN), 0);
}

/** The record a step's entry stands for. */
export function recordOf(entry: Entry): DumpedRecord {
  const headers: Record<string, string> = { ...entry.headers };
  if (entry.tick === true) headers["alertcast-tick"] = "1";
  if (entry.origin !== undefined) headers["alertcast-origin"] = `${entry.origin.partition}/${entry.origin.offset}`;
  return {
    partition: entry.partition,
    offset: entry.offset,
    appendTimeMs: Date.parse(entry.appendTime),
    key: null,
    value: entry.tick === true ? null : Buffer.from(entry.raw ?? JSON.stringify(entry.event)),
    headers,
  };
}
