// The values of expressions: JSON values, instants and spans of time. `undefined` stands for unknown everywhere (E3).

import { parseInstant } from "../event/time.ts";
import { codePoints } from "./cel-ast.ts";

/** An instant, whole ms since 1970 (fractions below a ms are cut, as in event time). */
export class Instant {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
  toJSON(): string {
    return formatInstant(this.ms);
  }
}

/** A span of time in whole ms. */
export class Span {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
  toJSON(): string {
    return `${this.ms / 1000}s`;
  }
}

/** The range of CEL timestamps: years 1 to 9999. */
const EARLIEST_MS = Date.parse("0001-01-01T00:00:00Z");
const LATEST_MS = Date.parse("9999-12-31T23:59:59.999Z");
/** The range of CEL durations: about 10,000 years either way. */
const LONGEST_MS = 315_576_000_000_000;
const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|d|h|m|s)/g;
const DURATION = /^[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ms|us|µs|ns|d|h|m|s))+)$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};
/** How deep values are compared and printed; a deeper one is unknown. Events that deep are refused at the door. */
const MAX_DEPTH = 256;

/** RFC 3339 in UTC, without ms when they are zero. */
export function formatInstant(ms: number): string {
  const text = new Date(ms).toISOString();
  return ms % 1000 === 0 ? `${text.slice(0, -5)}Z` : text;
}

/** The instant in ms; undefined outside of CEL's range, and for NaN. */
export function instantOf(ms: number): Instant | undefined {
  return ms >= EARLIEST_MS && ms <= LATEST_MS ? new Instant(Math.floor(ms)) : undefined;
}

/** The span, undefined outside of CEL's range. */
export function spanOf(ms: number): Span | undefined {
  return Math.abs(ms) <= LONGEST_MS ? new Span(Math.trunc(ms)) : undefined;
}

/** `timestamp()`: of RFC 3339 text with an offset, or of a timestamp. */
export function toInstant(value: unknown): Instant | undefined {
  if (value instanceof Instant) return value;
  return typeof value === "string" ? instantOf(parseInstant(value)) : undefined;
}

/** `duration()`: of text such as 1h30m, 1.5s, -100ms (CEL's units, and d as in the rest of the file), or of a duration. */
export function toSpan(value: unknown): Span | undefined {
  if (value instanceof Span) return value;
  if (typeof value !== "string" || value.length > 64 || !DURATION.test(value)) return undefined;
  let ms = 0;
  for (const [, count, unit = ""] of value.matchAll(DURATION_PART)) ms += Number(count) * (UNIT_MS[unit] ?? 0);
  // 0.1 * 3 must not become 0.29999: spans are rounded at a thousandth of a ms, then cut.
  return spanOf((Math.round(ms * 1000) / 1000) * (value.startsWith("-") ? -1 : 1));
}

/** True for a JSON object, which no list, instant or span is. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Instant) &&
    !(value instanceof Span)
  );
}

/** A value as it may be used: undefined for a non-finite number (E2). */
export function known(value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? undefined : value;
}

/** An own field of a map: undefined when missing, non-finite, or when `target` is no map. */
export function fieldOf(target: unknown, field: string): unknown {
  return isMap(target) && Object.hasOwn(target, field) ? known(target[field]) : undefined;
}

/** An element of a list (whole index from 0) or an own field of a map. */
export function elementOf(target: unknown, index: unknown): unknown {
  if (typeof index === "string") return fieldOf(target, index);
  return Array.isArray(target) && typeof index === "number" && Number.isInteger(index) && index >= 0
    ? known(target[index])
    : undefined;
}

/** CEL's `==`: false for different types, undefined when a non-finite number decides. */
export function equal(a: unknown, b: unknown, depth = 0): boolean | undefined {
  if (typeof a === "number" && typeof b === "number")
    return Number.isFinite(a) && Number.isFinite(b) ? a === b : undefined;
  if (known(a) === undefined || known(b) === undefined || depth > MAX_DEPTH) return undefined;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && all(a.length, (i) => equal(a[i], b[i], depth + 1));
  if (a instanceof Instant) return b instanceof Instant && a.ms === b.ms;
  if (a instanceof Span) return b instanceof Span && a.ms === b.ms;
  if (!isMap(a) || !isMap(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length || !keys.every((key) => Object.hasOwn(b, key))) return false;
  return all(keys.length, (i) => equal(a[keys[i] ?? ""], b[keys[i] ?? ""], depth + 1));
}

function all(count: number, holds: (i: number) => boolean | undefined): boolean | undefined {
  let result: boolean | undefined = true;
  for (let i = 0; i < count; i++) {
    const answer = holds(i);
    if (answer === false) return false;
    if (answer === undefined) result = undefined;
  }
  return result;
}

/** Below 0, 0 or above 0 for two numbers, texts, bools, instants or spans; NaN for anything else. */
export function order(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number")
    return Number.isFinite(a) && Number.isFinite(b) ? (a < b ? -1 : a > b ? 1 : 0) : Number.NaN;
  if (typeof a === "string" && typeof b === "string") return orderText(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof Instant && b instanceof Instant) return a.ms - b.ms;
  if (a instanceof Span && b instanceof Span) return a.ms - b.ms;
  return Number.NaN;
}

/** By code points, as CEL orders text; JavaScript's own order is by UTF-16 units. */
function orderText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return byCodePoint(x) - byCodePoint(y);
  }
  return a.length - b.length;
}

/** Puts surrogates above every other unit. */
function byCodePoint(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** `size()` of text (code points), a list or a map. */
export function sizeOf(value: unknown): number | undefined {
  if (typeof value === "string") return codePoints(value);
  if (Array.isArray(value)) return value.length;
  return isMap(value) ? Object.keys(value).length : undefined;
}

/** The value as plain JSON data: times as text, non-finite numbers inside as null; undefined stays undefined. */
export function toJson(value: unknown, depth = 0): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : depth === 0 ? undefined : null;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Instant || value instanceof Span) return value.toJSON();
  if (depth > MAX_DEPTH) return null;
  if (Array.isArray(value)) return value.map((item) => toJson(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item, depth + 1)]));
}
