// Decides which lines of NDJSON are events. Never changes an event's bytes but to add an event_id where it has none,
// and judges none: that is the ingestor's.
import { isMapping } from "../../../pkg/rule/rule-section.ts";
import { MAX_LINE_BYTES, type Reject, type Row, withoutByteOrderMark } from "./rows.ts";

export interface NdjsonOptions {
  /** Lines before it are skipped. */
  readonly fromLine: number;
  /** Gives events without an event_id the id `<prefix>-<line>`. */
  readonly eventIdPrefix: string | undefined;
  readonly reject: Reject;
}

const LINE_FEED = 0x0a;
const TOO_LONG = `a line may have ${MAX_LINE_BYTES} bytes`;

/** The events of the input, as many at a time as a chunk holds. Blank lines count as lines only. */
export async function* readNdjson(input: AsyncIterable<Buffer>, options: NdjsonOptions): AsyncGenerator<Row[]> {
  const { fromLine, eventIdPrefix, reject } = options;
  let line = 1;
  let rows: Row[] = [];
  const take = (bytes: Buffer) => {
    const event = trimmed(bytes);
    if (event.length === 0 || line < fromLine) return;
    if (event.length > MAX_LINE_BYTES) reject(line, "", TOO_LONG);
    else
      rows.push({ line, event: eventIdPrefix === undefined ? event : withEventId(event, `${eventIdPrefix}-${line}`) });
  };
  const open = new OpenLine();
  for await (const chunk of withoutByteOrderMark(input)) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      open.add(chunk.subarray(start, end));
      take(open.end());
      line++;
      start = end + 1;
    }
    open.add(chunk.subarray(start));
    if (rows.length > 0) yield rows;
    rows = [];
  }
  take(open.end());
  if (rows.length > 0) yield rows;
}

/** A line whose end has not come yet; of one that is too long only so much is kept that it is seen to be. */
class OpenLine {
  #parts: Buffer[] = [];
  #bytes = 0;

  add(part: Buffer): void {
    if (part.length === 0 || this.#bytes > MAX_LINE_BYTES) return;
    this.#parts.push(part);
    this.#bytes += part.length;
  }

  end(): Buffer {
    const [first = Buffer.alloc(0), ...rest] = this.#parts;
    this.#parts = [];
    this.#bytes = 0;
    return rest.length === 0 ? first : Buffer.concat([first, ...rest]);
  }
}

function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && isWhiteSpace(bytes[start])) start++;
  while (end > start && isWhiteSpace(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
}

function isWhiteSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

/** With the id as its last member, all other bytes as they are; unchanged if it has one already or is no JSON object. */
function withEventId(event: Buffer, id: string): Buffer {
  let value: unknown;
  try {
    value = JSON.parse(event.toString("utf8"));
  } catch {
    return event; // The ingestor says what is wrong with it, by its line.
  }
  if (!isMapping(value) || (value.event_id !== undefined && value.event_id !== null)) return event;
  const separator = Object.keys(value).length === 0 ? "" : ",";
  return Buffer.concat([
    event.subarray(0, event.lastIndexOf("}")),
    Buffer.from(`${separator}"event_id":${JSON.stringify(id)}}`),
  ]);
}
