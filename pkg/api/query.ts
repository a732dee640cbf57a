// Decides what a query string may hold: known parameters, once each, well-formed text. Pure.
import type { ProblemItem } from "../http/problem.ts";
import { SEVERITIES } from "../rule/model.ts";
import { STATUSES } from "../ticket/counts.ts";
import type { PageRequest, TicketFilter } from "../ticket/read.ts";
import { decodeCursor } from "./cursor.ts";

export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 500;

export type Fault = ProblemItem & { readonly field: string };
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly Fault[] };

/** The text of a parameter; undefined = not given. */
type Get = (name: string) => string | undefined;
type Report = (fault: Fault) => void;

/**
 * Parameters of a query string (without the `?`), read by `read`, which reports what is wrong with them.
 * @param known undefined = others are ignored
 */
export function checkQuery<T>(
  querystring: string,
  known: readonly string[] | undefined,
  read: (get: Get, report: Report) => T,
): Checked<T> {
  const errors: Fault[] = [];
  const values = new Map<string, string>();
  for (const part of querystring.split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    const value = decode(equals < 0 ? "" : part.slice(equals + 1));
    const fault = faultOf(name, value, known, values);
    if (fault !== undefined) errors.push(fault);
    else if (name !== undefined && value !== undefined) values.set(name, value);
  }
  const value = read(
    (name) => values.get(name),
    (fault) => errors.push(fault),
  );
  return errors.length === 0 ? { ok: true, value } : { ok: false, errors };
}

function faultOf(
  name: string | undefined,
  value: string | undefined,
  known: readonly string[] | undefined,
  values: ReadonlyMap<string, string>,
): Fault | undefined {
  if (name === undefined)
    return { field: "", code: "bad-encoding", message: "a parameter's name is not percent-encoded UTF-8 text" };
  if (known !== undefined && !known.includes(name)) {
    const offer = known.length === 0 ? "there are none here" : `known are ${known.join(", ")}`;
    return { field: shown(name), code: "unknown-parameter", message: `there is no such parameter; ${offer}` };
  }
  if (value === undefined)
    return {
      field: shown(name),
      code: "bad-encoding",
      message: "the value must be percent-encoded UTF-8 text without NUL",
    };
  if (values.has(name)) return { field: shown(name), code: "repeated-parameter", message: "give it once" };
  return undefined;
}

/** Names come from outside: a short piece is enough to recognise one. */
function shown(name: string): string {
  return name.slice(0, 64);
}

/** Undefined for anything but printable ASCII with percent-encoded UTF-8: that rules out lone surrogates. No NUL either. */
function decode(text: string): string | undefined {
  if (!/^[!-~]*$/.test(text)) return undefined;
  try {
    const decoded = decodeURIComponent(text.replaceAll("+", " "));
    return decoded.includes("\0") ? undefined : decoded;
  } catch {
    return undefined;
  }
}

/** `limit`: 1 to 500, default 50. */
export function readLimit(get: Get, report: Report): number {
  const text = get("limit");
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT)
    report({ field: "limit", code: "bad-value", message: `must be a whole number from 1 to ${MAX_LIMIT}` });
  return limit;
}

/** What a list was asked for, and the query string by which its next page is asked for, without the cursor. */
export interface ListQuery<F> {
  readonly filter: F;
  readonly page: PageRequest;
  /** What its cursors are bound to. */
  readonly boundTo: string;
  readonly again: URLSearchParams;
}

export const TICKET_PARAMETERS = ["status", "severity", "device", "rule", "limit", "cursor"];

/** Filter and page of a list of tickets. */
export function readTicketList(get: Get, report: Report): ListQuery<TicketFilter> {
  const statuses = readWords("status", STATUSES, get, report);
  const severities = readWords("severity", SEVERITIES, get, report);
  const device = readText("device", get, report);
  const rule = readText("rule", get, report);
  const filter = {
    ...(statuses !== undefined && { statuses }),
    ...(severities !== undefined && { severities }),
    ...(device !== undefined && { device }),
    ...(rule !== undefined && { rule }),
  };
  const again = { status: statuses?.join(","), severity: severities?.join(","), device, rule };
  return readList("tickets", filter, again, get, report);
}

export const DEAD_LETTER_PARAMETERS = ["code", "limit", "cursor"];

/** Filter and page of a list of dead letters. */
export function readDeadLetterList(get: Get, report: Report): ListQuery<{ readonly code?: string }> {
  const code = readText("code", get, report);
  return readList("dead-letters", code === undefined ? {} : { code }, { code }, get, report);
}

function readList<F>(
  list: string,
  filter: F,
  written: Record<string, string | undefined>,
  get: Get,
  report: Report,
): ListQuery<F> {
  const again = new URLSearchParams();
  for (const [name, value] of Object.entries(written)) if (value !== undefined) again.set(name, value);
  const boundTo = `${list}?${again}`;
  const limit = readLimit(get, report);
  again.set("limit", String(limit));
  const cursor = get("cursor");
  if (cursor === undefined) return { filter, page: { limit }, boundTo, again };
  const decoded = decodeCursor(boundTo, cursor);
  if (decoded.ok) return { filter, page: { limit, after: decoded.position }, boundTo, again };
  const message =
    decoded.code === "cursor-mismatch"
      ? "this cursor belongs to another filter; start again without it"
      : "this is not a cursor of this list; use `next` as it was given";
  report({ field: "cursor", code: decoded.code, message });
  return { filter, page: { limit }, boundTo, again };
}

/** A comma list of known words, in their own order; undefined when not given. */
function readWords<T extends string>(name: string, known: readonly T[], get: Get, report: Report): T[] | undefined {
  const words = get(name)?.split(",");
  if (words === undefined) return undefined;
  const strangers = words.filter((word) => !known.some((other) => other === word));
  if (strangers.length > 0)
    report({
      field: name,
      code: "bad-value",
      message: `must be one or more of ${known.join(", ")}, with commas between them`,
    });
  return known.filter((word) => words.some((other) => other === word));
}

function readText(name: string, get: Get, report: Report): string | undefined {
  const text = get(name);
  if (text === "")
    report({ field: name, code: "bad-value", message: "must not be empty; leave the parameter out for any" });
  return text;
}
