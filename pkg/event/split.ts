// Decides where the events of a batch begin and end. Pure; it only cuts, so that each event keeps its own bytes
// (fractions, big integers and repeated keys are not written anew), and never judges an event.

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** Brackets open at a time; far more than any event may have, and a bound for the memory of a hostile text. */
const MAX_OPEN = 10_000;

/** The text without a leading UTF-8 byte order mark and without JSON's white space around it. */
export function trimJson(bytes: Buffer): Buffer {
  const hasByteOrderMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return trim(bytes, hasByteOrderMark ? 3 : 0, bytes.length);
}

/** True if the (trimmed) text is a JSON array rather than one value. */
export function isJsonArray(bytes: Buffer): boolean {
  return bytes[0] === OPEN_LIST;
}

/** The lines of NDJSON that hold anything, without the white space around them; the last may lack its line feed. */
export function* splitLines(bytes: Buffer): Generator<Buffer, void, void> {
  let start = 0;
  while (start < bytes.length) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found === -1 ? bytes.length : found;
    const line = trim(bytes, start, end);
    if (line.length > 0) yield line;
    start = end + 1;
  }
}

/**
 * The members of a JSON array, each with exactly its own bytes and without the white space around it.
 * A member whose strings and brackets close is yielded as it is, valid JSON or not. Returns false (true otherwise) when
 * the whole is no array: a bracket or string left open or closed by another, an empty member, text after its end,
 * or more than 10,000 brackets open.
 * The caller must not use any member before it has seen that.
 * @param bytes trimmed, beginning with `[`
 */
export function* splitArray(bytes: Buffer): Generator<Buffer, boolean, void> {
  const open: number[] = [CLOSE_LIST];
  let start = 1;
  let members = 0;
  for (let at = 1; at < bytes.length; at++) {
    const byte = bytes[at];
    if (open.length > MAX_OPEN) return false;
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
    } else if (byte === OPEN_OBJECT) {
      open.push(CLOSE_OBJECT);
    } else if (byte === OPEN_LIST) {
      open.push(CLOSE_LIST);
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      if (open.pop() !== byte) return false;
      if (open.length > 0) continue;
      const last = trim(bytes, start, at);
      if (last.length === 0) return members === 0 && at === bytes.length - 1;
      yield last;
      return at === bytes.length - 1;
    } else if (byte === COMMA && open.length === 1) {
      const member = trim(bytes, start, at);
      if (member.length === 0) return false;
      yield member;
      members++;
      start = at + 1;
    }
  }
  return false;
}

/** The closing quote of the string that opens at `at`; the end of the text when there is none. */
function endOfString(bytes: Buffer, at: number): number {
  for (let i = at + 1; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) return i;
    if (byte === BACKSLASH) i++;
  }
  return bytes.length;
}

function trim(bytes: Buffer, from: number, to: number): Buffer {
  let start = from;
  let end = to;
  while (start < end && isWhiteSpace(bytes[start])) start++;
  while (end > start && isWhiteSpace(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
}

function isWhiteSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB;
}
