// Decides whether bytes are an event (E5) and what its ts names (T4). Never judges whether that ts is believed.

export interface ReadEvent {
  readonly device: string;
  /** The event without contract fields that were null. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The JSON text as sent, without a leading byte order mark. */
  readonly text: string;
  readonly eventId: string | null;
  /** The instant of `ts` in ms, null without a ts. */
  readonly tsMs: number | null;
}

const TEXT_FIELDS = ["device_id", "status", "region", "message", "event_id"];
const CONTRACT_FIELDS = [...TEXT_FIELDS, "temperature", "ts"];
const DEEPEST = 32;

/** The event in a record's value, or null when it belongs among the dead letters. */
export function readEvent(value: Buffer | null): ReadEvent | null {
  if (value === null || value.length === 0) return null;
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(value);
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(parsed) || isDeeperThan(parsed, DEEPEST)) return null;

  const sent = Object.entries(parsed);
  const fields = Object.fromEntries(sent.filter(([name, held]) => held !== null || !CONTRACT_FIELDS.includes(name)));
  if (!TEXT_FIELDS.every((name) => !Object.hasOwn(fields, name) || isPlainText(fields[name]))) return null;

  const { device_id: device, temperature, event_id: eventId, ts } = fields;
  if (typeof device !== "string" || device === "" || [...device].length > 256) return null;
  if (temperature !== undefined && !(typeof temperature === "number" && Number.isFinite(temperature))) return null;
  const tsMs = ts === undefined ? null : instantOf(ts);
  if (Number.isNaN(tsMs)) return null;
  return { device, fields, text, eventId: typeof eventId === "string" ? eventId : null, tsMs };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPlainText(value: unknown): boolean {
  return typeof value === "string" && value.isWellFormed() && !value.includes("\0");
}

/** True if objects and lists lie in each other more than `levels` deep; the outermost is the first level. */
function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** The instant an RFC 3339 text names, in ms (fractions below a ms cut); NaN if it is none. */
export function instantOf(ts: unknown): number {
  const found = typeof ts === "string" ? RFC_3339.exec(ts) : null;
  if (found === null) return Number.NaN;
  const part = (index: number) => Number(found[index] ?? 0);
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  const [offsetHours, offsetMinutes] = [part(9), part(10)];
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const longest = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  if (day < 1 || day > longest || hour > 23 || minute > 59 || second > 59) return Number.NaN;
  if (offsetHours > 23 || offsetMinutes > 59) return Number.NaN;

  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month - 1, day);
  const millis = Number((found[7] ?? "").padEnd(3, "0").slice(0, 3));
  const offset = (offsetHours * 60 + offsetMinutes) * (found[8] === "-" ? -1 : 1);
  return midnight.getTime() + ((hour * 60 + minute - offset) * 60 + second) * 1000 + millis;
}
