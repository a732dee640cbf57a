// The bounded read-ahead of one partition: pauses the log when full, resumes it when half empty. Never refuses a batch, so
// that a partition has one to work on however small its share is.
import type { Batch } from "../log/log.ts";
import type { ReadAhead } from "./read-ahead.ts";

function bytesOf(batch: Batch): number {
  let bytes = 0;
  for (const record of batch.records) bytes += 64 + (record.value?.length ?? 0) + (record.key?.length ?? 0);
  return bytes;
}

export class BatchQueue {
  readonly #readAhead: ReadAhead;
  readonly #flow: { readonly pause: () => void; readonly resume: () => void };
  readonly #now: () => number;
  readonly #batches: { batch: Batch; bytes: number; atMs: number }[] = [];
  #waitedMs = 0;
  #bytes = 0;
  #paused = false;
  #closed = false;
  #wake: (() => void) | undefined;
  #woken = false;

  /**
   * Takes a share of `readAhead` until it is closed.
   * @param now a clock of which only differences matter, ms
   */
  constructor(
    readAhead: ReadAhead,
    flow: { readonly pause: () => void; readonly resume: () => void },
    now: () => number,
  ) {
    this.#now = now;
    this.#readAhead = readAhead;
    this.#flow = flow;
    readAhead.add();
  }

  get length(): number {
    return this.#batches.length;
  }

  /** For how long the batch that next() gave last had waited, ms; 0 for an empty one. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** Queues a batch, or forgets it when closed. Pauses the log when there is no room for another one like it. */
  push(batch: Batch): void {
    if (this.#closed) return;
    const bytes = bytesOf(batch);
    this.#batches.push({ batch, bytes, atMs: this.#now() });
    this.#bytes += bytes;
    if (!this.#paused && this.#bytes + bytes > this.#readAhead.shareBytes) {
      this.#paused = true;
      this.#flow.pause();
    }
    this.#wake?.();
  }

  /** The oldest batch, as soon as there is one; undefined when closed. An empty batch after wake(). */
  async next(): Promise<Batch | undefined> {
    while (this.#batches.length === 0 && !this.#closed && !this.#woken) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    if (this.#closed) return undefined;
    this.#woken = false;
    const first = this.#batches.shift();
    this.#waitedMs = first === undefined ? 0 : this.#now() - first.atMs;
    if (first === undefined) return { partition: -1, fetchedOffset: 0, records: [], nextOffset: 0, end: 0 };
    this.#took(first.bytes);
    return first.batch;
  }

  /** Makes a waiting next() return although nothing came. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Forgets what is queued. */
  clear(): void {
    this.#batches.length = 0;
    this.#took(this.#bytes);
  }

  /** Gives back the share and forgets what is queued; the log stays as it is. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#readAhead.remove();
    this.#batches.length = 0;
    this.#bytes = 0;
    this.#wake?.();
  }

  #took(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#paused && this.#bytes <= this.#readAhead.shareBytes / 2) {
      this.#paused = false;
      this.#flow.resume();
    }
  }
}
