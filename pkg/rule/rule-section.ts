// One mapping of a rule file, read key by key; everything wrong is collected, nothing is thrown (R3). Knows no rule.

import { ExpressionError } from "./cel-ast.ts";
import { MAX_DURATION_MS, parseDuration } from "./duration.ts";
import type { Compiled } from "./expression.ts";
import type { RuleFileError } from "./model.ts";
import { suggestKey } from "./rule-keys.ts";

/** Errors of one file: one per path and code. */
export class Problems {
  readonly #errors = new Map<string, RuleFileError>();

  /** `reason` follows the path in the message. */
  add(path: string, code: RuleFileError["code"], reason: string, suggestion?: string): void {
    const key = `${code} ${path}`;
    if (this.#errors.has(key)) return;
    const message = `${path === "" ? "the rule file" : path}: ${reason}`;
    this.#errors.set(key, suggestion === undefined ? { path, code, message } : { path, code, message, suggestion });
  }

  get errors(): readonly RuleFileError[] {
    return [...this.#errors.values()];
  }
}

/** The path of a key below another. */
export function childPath(path: string, key: string): string {
  if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

/** True for a plain object. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as shown in a message, cut short. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (isMapping(value)) return "a mapping";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

interface NumberRange {
  readonly min: number;
  readonly max: number;
}

export class Section {
  readonly path: string;
  readonly problems: Problems;
  /** As written. */
  readonly data: Readonly<Record<string, unknown>>;

  /** Reports every key of `data` that is not in `keys`. */
  constructor(problems: Problems, path: string, data: Readonly<Record<string, unknown>>, keys: readonly string[]) {
    this.problems = problems;
    this.path = path;
    this.data = data;
    for (const key of Object.keys(data)) {
      if (keys.includes(key)) continue;
      const suggestion = suggestKey(key, keys);
      const hint = suggestion === undefined ? `known are ${keys.join(", ")}` : `did you mean ${suggestion}?`;
      problems.add(this.pathOf(key), "unknown-key", `there is no such key; ${hint}`, suggestion);
    }
  }

  pathOf(key: string): string {
    return childPath(this.path, key);
  }

  /** True if the key is there, whatever its value. */
  states(key: string): boolean {
    return Object.hasOwn(this.data, key) && this.data[key] !== undefined;
  }

  raw(key: string): unknown {
    return this.states(key) ? this.data[key] : undefined;
  }

  /** Reports the key if it is not there. */
  require(key: string): void {
    if (!this.states(key)) this.problems.add(this.pathOf(key), "missing-key", "is required");
  }

  wrongType(key: string, wanted: string): undefined {
    this.problems.add(this.pathOf(key), "wrong-type", `must be ${wanted}, not ${show(this.raw(key))}`);
  }

  badValue(key: string, wanted: string): undefined {
    this.problems.add(this.pathOf(key), "bad-value", `must be ${wanted}, not ${show(this.raw(key))}`);
  }

  text(key: string): string | undefined {
    const value = this.raw(key);
    if (typeof value === "string") return value;
    return value === undefined ? undefined : this.wrongType(key, "text");
  }

  bool(key: string): boolean | undefined {
    const value = this.raw(key);
    if (typeof value === "boolean") return value;
    return value === undefined ? undefined : this.wrongType(key, "true or false");
  }

  /** A finite number. */
  number(key: string): number | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (typeof value !== "number") return this.wrongType(key, "a number");
    return Number.isFinite(value) ? value : this.badValue(key, "a finite number");
  }

  /** A whole number; below `min` it is a bad value, above `max` over a limit. */
  integer(key: string, { min, max }: NumberRange): number | undefined {
    const value = this.number(key);
    if (value === undefined) return undefined;
    if (!Number.isInteger(value) || value < min) return this.badValue(key, `a whole number from ${min} to ${max}`);
    if (value <= max) return value;
    this.problems.add(this.pathOf(key), "limit", `must be at most ${max}, not ${value}`);
    return undefined;
  }

  /** ms of a duration; at least `minMs`, which `atLeast` writes out. */
  duration(key: string, minMs = 0, atLeast = ""): number | undefined {
    const text = this.raw(key);
    if (text === undefined) return undefined;
    if (typeof text !== "string") return this.wrongType(key, "a duration such as 1h30m");
    const ms = parseDuration(text);
    if (ms === undefined)
      return this.badValue(key, "a duration such as 1h30m (whole numbers of d, h, m, s in this order)");
    if (ms < minMs) return this.badValue(key, `at least ${atLeast}`);
    if (ms <= MAX_DURATION_MS) return ms;
    this.problems.add(this.pathOf(key), "limit", `must be at most 30d, not ${show(text)}`);
    return undefined;
  }

  /** One of a few texts. */
  choice<T extends string>(key: string, choices: readonly T[]): T | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    return choices.find((choice) => choice === value) ?? this.badValue(key, `one of ${choices.join(", ")}`);
  }

  /** Text that `compile` takes; an ExpressionError becomes a problem of the key. */
  compiled<T>(key: string, compile: (text: string) => Compiled<T>): Compiled<T> | undefined {
    const text = this.text(key);
    return text === undefined ? undefined : compileAt(this.problems, this.pathOf(key), text, compile);
  }

  /** A mapping below this one. */
  section(key: string, keys: readonly string[]): Section | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    return isMapping(value)
      ? new Section(this.problems, this.pathOf(key), value, keys)
      : this.wrongType(key, "a mapping");
  }

  list(key: string): readonly unknown[] | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    return Array.isArray(value) ? value : this.wrongType(key, "a list");
  }

  /** The mappings of a list; an item that is none is reported. */
  sections(key: string, items: readonly unknown[], keys: readonly string[]): Section[] {
    return items.flatMap((item, i) => {
      const path = `${this.pathOf(key)}[${i}]`;
      if (isMapping(item)) return [new Section(this.problems, path, item, keys)];
      this.problems.add(path, "wrong-type", `must be a mapping, not ${show(item)}`);
      return [];
    });
  }
}

/** Compiles text; an ExpressionError becomes a problem at the path. */
export function compileAt<T>(
  problems: Problems,
  path: string,
  text: string,
  compile: (text: string) => Compiled<T>,
): Compiled<T> | undefined {
  try {
    return compile(text);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    problems.add(path, error.reason, error.message);
    return undefined;
  }
}
