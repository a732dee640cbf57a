// What the readers of a file hand on: one event with the line it stands in.

/** One event, ready to be sent. */
export interface Row {
  /** Where it begins in the input, from 1. */
  readonly line: number;
  /** JSON in UTF-8, without a line feed. */
  readonly event: Buffer;
}

/** Told of a line that cannot become an event. `field` is "" when it is the whole line. */
export type Reject = (line: number, field: string, message: string) => void;

/** Beyond this a line is not kept in memory; the ingestor's own limit is lower. */
export const MAX_LINE_BYTES = 1024 * 1024;

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** The same bytes without a leading UTF-8 byte order mark, however they are cut. */
export async function* withoutByteOrderMark(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let first: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (first === undefined) {
      yield chunk;
      continue;
    }
    first = Buffer.concat([first, chunk]);
    if (first.length < BYTE_ORDER_MARK.length) continue;
    yield stripped(first);
    first = undefined;
  }
  if (first !== undefined && first.length > 0) yield stripped(first);
}

function stripped(bytes: Buffer): Buffer {
  return bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? bytes.subarray(3) : bytes;
}
