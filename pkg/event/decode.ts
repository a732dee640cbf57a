// Decides whether bytes are an event (E5), for every door alike. Pure; never coerces, trims, cuts or fills in a value,
// and never judges whether a ts is believed (that needs the log's time: `believed`).
import { isUtf8 } from "node:buffer";
import type { Decoded, DeviceEvent, EventError, EventErrorCode } from "./event.ts";
import { parseInstant } from "./time.ts";

/** How many objects and lists may lie in each other, the event itself being the first. */
export const MAX_NESTING = 32;
/** Code points of a device id. */
export const MAX_DEVICE_ID_LENGTH = 256;
const OPTIONAL_FIELDS = ["status", "region", "message", "event_id", "temperature", "ts"];
const YEAR_2000_MS = 946_684_800_000;
const BYTE_ORDER_MARK = "\uFEFF";

type Fields = Record<string, unknown>;

/**
 * Reads the value of a record, or one event of a request, as an event. Never throws.
 * @param value UTF-8 JSON, a leading byte order mark allowed; null for a record without a value
 */
export function decodeEvent(value: Buffer | null): Decoded {
  if (value === null) return refuse("null-value", "", "the record has a null value");
  if (value.length === 0) return refuse("empty-value", "", "the value is empty");
  let text = value.toString("utf8");
  // Bytes that are not UTF-8 always become this character; the whole check is needed only where it is seen.
  if (text.includes("\uFFFD") && !isUtf8(value)) return refuse("invalid-utf8", "", "the value is not UTF-8");
  if (text.startsWith(BYTE_ORDER_MARK)) text = text.slice(1);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Why is left out: the engine's words quote the value and change from version to version.
    return refuse("invalid-json", "", "the value is not one JSON document");
  }
  if (!isObject(parsed)) return refuse("not-an-object", "", "an event must be a JSON object");
  if (mayNest(text) && isDeeperThan(parsed, MAX_NESTING)) {
    return refuse("too-deep", "", `objects and lists may be nested ${MAX_NESTING} deep`);
  }
  return readFields(parsed, text.includes("\\"));
}

/**
 * Whether the instant of a ts is believed (T4): from year 2000 on and at most `maxFutureMs` ahead of the log.
 * @param tsMs instant of the ts in ms, NaN without one
 * @param logTimeMs log time of the entry in ms (T1)
 */
export function believed(tsMs: number, logTimeMs: number, maxFutureMs: number): boolean {
  return tsMs >= YEAR_2000_MS && tsMs <= logTimeMs + maxFutureMs;
}

/** @param escaped false if no string of the event has an escape, and so none holds a NUL or half of a surrogate pair */
function readFields(fields: Fields, escaped: boolean): Decoded {
  const { device_id: deviceId, status, region, message, event_id: eventId, temperature, ts } = fields;
  const tsMs = typeof ts === "string" ? parseInstant(ts) : Number.NaN;
  const error =
    deviceIdError(deviceId, escaped) ??
    optionalTextError("status", status, escaped) ??
    temperatureError(temperature) ??
    tsError(ts, tsMs) ??
    optionalTextError("region", region, escaped) ??
    optionalTextError("message", message, escaped) ??
    optionalTextError("event_id", eventId, escaped);
  if (error !== undefined) return { ok: false, error };
  if (status === null || region === null || message === null || eventId === null || temperature === null || ts === null)
    dropNulls(fields);
  const event: DeviceEvent = {
    deviceId: deviceId as string,
    fields,
    tsMs,
    eventId: (eventId ?? undefined) as string | undefined,
  };
  return { ok: true, event };
}

/** Takes the contract fields that are null out of an object that is ours alone, fresh from the parser. */
function dropNulls(fields: Fields): void {
  for (const field of OPTIONAL_FIELDS) if (fields[field] === null) delete fields[field];
}

function deviceIdError(id: unknown, escaped: boolean): EventError | undefined {
  if (id === undefined || id === null) return failure("missing-field", "device_id", "device_id is missing");
  const error = textError("device_id", id, escaped);
  if (error !== undefined) return error;
  // A code point is one or two code units.
  const text = id as string;
  const isTooLong =
    text.length > MAX_DEVICE_ID_LENGTH &&
    (text.length > 2 * MAX_DEVICE_ID_LENGTH || [...text].length > MAX_DEVICE_ID_LENGTH);
  if (text === "" || isTooLong)
    return failure("bad-value", "device_id", `device_id must have 1 to ${MAX_DEVICE_ID_LENGTH} characters`);
  return undefined;
}

function optionalTextError(field: string, value: unknown, escaped: boolean): EventError | undefined {
  return value === undefined || value === null ? undefined : textError(field, value, escaped);
}

function textError(field: string, value: unknown, escaped: boolean): EventError | undefined {
  if (typeof value !== "string") return failure("wrong-type", field, `${field} must be text`);
  if (!escaped) return undefined;
  if (value.includes("\0")) return failure("bad-value", field, `${field} must not contain NUL`);
  if (!value.isWellFormed())
    return failure("bad-value", field, `${field} must be well-formed: it has half of a surrogate pair`);
  return undefined;
}

function temperatureError(value: unknown): EventError | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number")
    return failure("wrong-type", "temperature", "temperature must be a number, without quotes or unit");
  if (!Number.isFinite(value)) return failure("bad-value", "temperature", "temperature must be a finite number");
  return undefined;
}

function tsError(value: unknown, tsMs: number): EventError | undefined {
  if (value === undefined || value === null || !Number.isNaN(tsMs)) return undefined;
  const wanted =
    "ts must be RFC 3339 text of a real date with an offset and at most 9 fraction digits, such as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00.5+01:00";
  return failure(typeof value === "string" ? "bad-value" : "wrong-type", "ts", wanted);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** False for most events, at the price of two searches: nothing opens after the first character of the object. */
function mayNest(text: string): boolean {
  const open = text.indexOf("{");
  return text.includes("{", open + 1) || text.includes("[", open + 1);
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

function refuse(code: EventErrorCode, field: string, message: string): Decoded {
  return { ok: false, error: failure(code, field, message) };
}

function failure(code: EventErrorCode, field: string, message: string): EventError {
  return { code, field, message };
}
