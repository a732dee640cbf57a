// Reads the plainest events straight from their bytes: one flat object in printable ASCII without escapes, contract
// fields of the right form. Whatever is not that plain is left to decode.ts; what is read here must be what it would say.
import { parseInstant } from "./time.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

const CONTRACT = ["device_id", "ts", "temperature", "status", "region", "message", "event_id"] as const;
const DEVICE_ID = 0;
const TS = 1;
const TEMPERATURE = 2;
const EVENT_ID = 6;
const MAX_ID_BYTES = 256;
/** A whole number of up to 15 digits over a power of ten up to 10^22 is the double nearest to the decimal (Clinger 1990). */
const MAX_DIGITS = 15;
const POWERS = Array.from({ length: 16 }, (_, i) => 10 ** i);
/** Texts remembered per field; readings like `status` have few. */
const REMEMBERED_TEXTS = 4;

/** 1 for the bytes that may stand in a plain text: printable ASCII but quote and backslash. */
const IN_TEXT = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** Places of fields whose key is remembered. */
const MAX_PLACES = 16;

interface Key {
  readonly index: number;
  readonly name: string;
  readonly bytes: Buffer;
  /** Index in CONTRACT, or -1. */
  readonly contract: number;
  /** Whether its value is wanted in `fields`. */
  readonly wanted: boolean;
  readonly texts: { readonly bytes: Buffer; readonly text: string }[];
}

/** Reads one event after the other; what `read` found holds until the next call. */
export class PlainReader {
  /** Where the id lies in the bytes. */
  idStart = 0;
  idEnd = 0;
  /** Where the event_id lies; the end is 0 without one. */
  eventIdStart = 0;
  eventIdEnd = 0;
  /** The instant of `ts` in ms, NaN without one. */
  tsMs = Number.NaN;
  /** The wanted fields; the same object each time. */
  readonly fields: Record<string, unknown> = {};
  readonly #keys: readonly Key[];
  readonly #wanted: number;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #seen = 0;
  #found = 0;
  /** Which member of the object is read, from 0. */
  #place = 0;
  readonly #order: number[] = [];
  #minute: Buffer = Buffer.alloc(16);
  #minuteMs = Number.NaN;

  /** @param wanted names of the fields whose values are wanted; an event without one of them is not plain. At most 20 */
  constructor(wanted: readonly string[]) {
    const names = [...new Set<string>([...CONTRACT, ...wanted])];
    this.#keys = names.map((name, index) => ({
      index,
      name,
      bytes: Buffer.from(name, "utf8"),
      contract: (CONTRACT as readonly string[]).indexOf(name),
      wanted: wanted.includes(name),
      texts: [],
    }));
    this.#wanted = new Set(wanted).size;
    for (const name of wanted) this.fields[name] = undefined;
  }

  /** True if these bytes are a plain event; false says nothing about them. */
  read(bytes: Buffer): boolean {
    this.#bytes = bytes;
    this.#at = 1;
    this.#seen = 0;
    this.#found = 0;
    this.#place = 0;
    this.idEnd = 0;
    this.eventIdEnd = 0;
    this.tsMs = Number.NaN;
    if (bytes[0] !== OPEN) return false;
    this.#space();
    for (;;) {
      if (!this.#member()) return false;
      this.#space();
      const next = bytes[this.#at++];
      if (next === CLOSE) break;
      if (next !== COMMA) return false;
      this.#space();
    }
    return this.#at === bytes.length && this.idEnd !== 0 && this.#found === this.#wanted;
  }

  #space(): void {
    while (this.#bytes[this.#at] === 0x20) this.#at++;
  }

  /** `"name": value`; false when it is not plain. */
  #member(): boolean {
    const start = this.#at + 1;
    if (!this.#text()) return false;
    const key = this.#keyAt(start, this.#at - 1);
    if (key === undefined) return false;
    this.#space();
    if (this.#bytes[this.#at++] !== COLON) return false;
    this.#space();
    return key === null ? this.#skip() : this.#value(key);
  }

  /** A string from its opening quote on, up to behind its closing one. */
  #text(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at++] !== QUOTE) return false;
    // The end of the bytes is undefined, which is not in the table either.
    while (IN_TEXT[bytes[at] as number] === 1) at++;
    this.#at = at + 1;
    return bytes[at] === QUOTE;
  }

  /** A key we know, null for another, undefined for one that came before. */
  #keyAt(start: number, end: number): Key | null | undefined {
    const keys = this.#keys;
    // Producers keep the order of their fields, so the key is mostly the one that stood here in the event before.
    const place = this.#place++;
    const guess = keys[this.#order[place] ?? 0] as Key;
    let at = isSame(guess.bytes, this.#bytes, start, end) ? guess.index : 0;
    if (at === 0) {
      while (at < keys.length && !isSame((keys[at] as Key).bytes, this.#bytes, start, end)) at++;
      if (at === keys.length) return null;
      if (place < MAX_PLACES) this.#order[place] = at;
    }
    const bit = 1 << at;
    if (this.#seen & bit) return undefined;
    this.#seen |= bit;
    return keys[at];
  }

  /** A value that nobody wants: text, number, true, false, null. */
  #skip(): boolean {
    const first = this.#bytes[this.#at] as number;
    if (first === QUOTE) return this.#text();
    if (first === MINUS || (first >= ZERO && first <= NINE)) return !Number.isNaN(this.#number());
    return this.#word("true") || this.#word("false") || this.#word("null");
  }

  #word(word: string): boolean {
    for (let i = 0; i < word.length; i++) if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) return false;
    this.#at += word.length;
    return true;
  }

  #value(key: Key): boolean {
    const first = this.#bytes[this.#at] as number;
    if (first === QUOTE) return this.#textValue(key);
    const isNumber = first === MINUS || (first >= ZERO && first <= NINE);
    if (isNumber) {
      if (key.contract >= 0 && key.contract !== TEMPERATURE) return false;
      const value = this.#number();
      if (key.wanted) this.#take(key, value);
      return !Number.isNaN(value);
    }
    // A contract field that is null counts as absent; true and false are of the wrong type there.
    if (key.contract >= 0) return key.contract !== DEVICE_ID && !key.wanted && this.#word("null");
    if (!key.wanted) return this.#skip();
    if (this.#word("true")) return this.#take(key, true);
    if (this.#word("false")) return this.#take(key, false);
    return this.#word("null") && this.#take(key, null);
  }

  #textValue(key: Key): boolean {
    const start = this.#at + 1;
    if (key.contract === TEMPERATURE || !this.#text()) return false;
    const end = this.#at - 1;
    if (key.contract === DEVICE_ID) {
      if (end === start || end - start > MAX_ID_BYTES) return false;
      this.idStart = start;
      this.idEnd = end;
    } else if (key.contract === EVENT_ID) {
      this.eventIdStart = start;
      this.eventIdEnd = end;
    } else if (key.contract === TS) {
      this.tsMs = this.#instant(start, end);
      if (Number.isNaN(this.tsMs)) return false;
    }
    return key.wanted ? this.#take(key, this.#textOf(key, start, end)) : true;
  }

  #take(key: Key, value: unknown): boolean {
    this.fields[key.name] = value;
    this.#found++;
    return true;
  }

  /** The text of these bytes, mostly without making it anew. */
  #textOf(key: Key, start: number, end: number): string {
    for (const known of key.texts) if (isSame(known.bytes, this.#bytes, start, end)) return known.text;
    const text = this.#bytes.toString("latin1", start, end);
    if (key.texts.length === REMEMBERED_TEXTS) key.texts.shift();
    key.texts.push({ bytes: Buffer.from(text, "latin1"), text });
    return text;
  }

  /** A JSON number of at most 15 digits without an exponent; NaN for any other. */
  #number(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    const negative = bytes[at] === MINUS;
    if (negative) at++;
    const first = at;
    let value = 0;
    let byte = bytes[at] as number;
    for (; byte >= ZERO && byte <= NINE; byte = bytes[++at] as number) value = value * 10 + byte - ZERO;
    let digits = at - first;
    if (digits === 0 || (digits > 1 && bytes[first] === ZERO)) return Number.NaN;
    let fraction = 0;
    if (byte === DOT) {
      const dot = at;
      byte = bytes[++at] as number;
      for (; byte >= ZERO && byte <= NINE; byte = bytes[++at] as number) value = value * 10 + byte - ZERO;
      fraction = at - dot - 1;
      if (fraction === 0) return Number.NaN;
      digits += fraction;
    }
    if (digits > MAX_DIGITS || byte === 0x65 || byte === 0x45) return Number.NaN;
    this.#at = at;
    const size = value / (POWERS[fraction] as number);
    return negative ? -size : size;
  }

  /** `YYYY-MM-DDThh:mm:ss.fffZ` with the minute of the event before is read here, anything else by parseInstant. */
  #instant(start: number, end: number): number {
    const bytes = this.#bytes;
    const isUsual =
      end - start === 24 && bytes[start + 19] === DOT && bytes[end - 1] === 0x5a && bytes[start + 16] === COLON;
    if (!isUsual || !isSame(this.#minute, bytes, start, start + 16)) return this.#instantBySlice(start, end);
    const second = this.#digits(start + 17, 2);
    const ms = this.#digits(start + 20, 3);
    return second <= 59 ? this.#minuteMs + second * 1000 + ms : Number.NaN;
  }

  #instantBySlice(start: number, end: number): number {
    const text = this.#bytes.toString("latin1", start, end);
    const instant = parseInstant(text);
    if (!Number.isNaN(instant) && end - start === 24 && text.endsWith("Z")) {
      this.#bytes.copy(this.#minute, 0, start, start + 16);
      this.#minuteMs = parseInstant(`${text.slice(0, 16)}:00Z`);
    }
    return instant;
  }

  /** The number in these ASCII digits; NaN if one is none. */
  #digits(start: number, count: number): number {
    let value = 0;
    for (let at = start; at < start + count; at++) {
      const digit = (this.#bytes[at] as number) - ZERO;
      if (!(digit >= 0 && digit <= 9)) return Number.NaN;
      value = value * 10 + digit;
    }
    return value;
  }
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}
