// How appends are cut into pieces, queued per partition and accounted for. No I/O.

import type { Message } from "kafkajs";
import { AlertCastError, messageOf } from "../errors.ts";
import type { NewRecord } from "./log.ts";

/** kafkajs copies a request's list once per record, so long lists cost their square. */
const MAX_REQUEST_RECORDS = 1_000;
/** More than a record needs beside key, value and headers (lengths, deltas, attributes: at most 26 bytes). */
const RECORD_OVERHEAD_BYTES = 40;
const HEADER_OVERHEAD_BYTES = 10;

/** Some records of one append to one partition, small enough for one request. */
export interface Slice {
  readonly messages: Message[];
  readonly bytes: number;
}

export interface Piece extends Slice {
  readonly call: Call;
}

/** One append: settled when all its pieces are confirmed, when one failed for good, or at its deadline. */
export class Call {
  readonly done: Promise<void>;
  settled = false;
  /** Why the last try failed; becomes the cause at the deadline. */
  lastError: unknown;
  #open = 0;
  readonly #timer: NodeJS.Timeout;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;

  constructor(timeoutMs: number) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => {
      const why = this.lastError === undefined ? "" : `: ${messageOf(this.lastError)}`;
      const message = `the append was not confirmed within ${timeoutMs} ms${why}`;
      this.fail(new AlertCastError("unavailable", message, { cause: this.lastError }));
    }, timeoutMs);
  }

  pieceQueued(): void {
    this.#open++;
  }

  pieceDone(): void {
    this.#open--;
    if (this.#open === 0 && this.#settle()) this.#resolve();
  }

  fail(error: Error): void {
    if (this.#settle()) this.#reject(error);
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    clearTimeout(this.#timer);
    return true;
  }
}

/** The queue of one partition. */
export class Lane {
  readonly partition: number;
  /** Bytes that wait or are in flight. */
  queuedBytes = 0;
  busy = false;
  readonly #maxRequestBytes: number;
  #pieces: Piece[] = [];

  constructor(partition: number, maxRequestBytes: number) {
    this.partition = partition;
    this.#maxRequestBytes = maxRequestBytes;
  }

  push(piece: Piece): void {
    piece.call.pieceQueued();
    this.queuedBytes += piece.bytes;
    this.#pieces.push(piece);
  }

  /** Takes what the next request carries, in order; drops pieces nobody waits for any more. Empty when nothing is left. */
  take(): Piece[] {
    const taken: Piece[] = [];
    let bytes = 0;
    let records = 0;
    let at = 0;
    for (; at < this.#pieces.length; at++) {
      const piece = this.#pieces[at] as Piece;
      if (piece.call.settled) {
        this.queuedBytes -= piece.bytes;
        continue;
      }
      const fits =
        bytes + piece.bytes <= this.#maxRequestBytes && records + piece.messages.length <= MAX_REQUEST_RECORDS;
      if (taken.length > 0 && !fits) break;
      taken.push(piece);
      bytes += piece.bytes;
      records += piece.messages.length;
    }
    this.#pieces = this.#pieces.slice(at);
    return taken;
  }

  /** These are no longer in flight. */
  release(pieces: readonly Piece[]): void {
    for (const piece of pieces) this.queuedBytes -= piece.bytes;
  }
}

/**
 * Cuts an append into slices per partition, in order. Throws `too-large` for a record above `maxRequestBytes` and
 * `invalid` for a partition that is none.
 */
export function cutByPartition(records: readonly NewRecord[], maxRequestBytes: number): Map<number, Slice[]> {
  const cut = new Map<number, { messages: Message[]; bytes: number }[]>();
  for (const record of records) {
    if (!Number.isInteger(record.partition) || record.partition < 0) {
      throw new AlertCastError("invalid", `no partition: ${record.partition}`);
    }
    const bytes = recordBytes(record);
    if (bytes > maxRequestBytes) {
      throw new AlertCastError("too-large", `a record of ${bytes} bytes is over the limit of ${maxRequestBytes}`);
    }
    const slices = cut.get(record.partition) ?? [];
    if (slices.length === 0) cut.set(record.partition, slices);
    let slice = slices.at(-1);
    if (slice === undefined || slice.bytes + bytes > maxRequestBytes || slice.messages.length >= MAX_REQUEST_RECORDS) {
      slice = { messages: [], bytes: 0 };
      slices.push(slice);
    }
    slice.messages.push(toMessage(record));
    slice.bytes += bytes;
  }
  return cut;
}

/** At least the bytes that the record takes in a request. */
export function recordBytes(record: NewRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (record.value?.length ?? 0);
  if (record.key !== null) bytes += Buffer.byteLength(record.key);
  for (const [name, value] of Object.entries(record.headers ?? {})) {
    bytes += HEADER_OVERHEAD_BYTES + Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  return bytes;
}

function toMessage({ partition, key, value, headers }: NewRecord): Message {
  return headers === undefined ? { partition, key, value } : { partition, key, value, headers: { ...headers } };
}
