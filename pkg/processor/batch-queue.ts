// The bounded read-ahead of one partition: pauses the log when full, resumes it when half empty.
import type { Batch } from "../log/log.ts";

function bytesOf(batch: Batch): number {
  let bytes = 0;
  for (const record of batch.records) bytes += 64 + (record.value?.length ?? 0) + (record.key?.length ?? 0);
  return bytes;
}

export class BatchQueue {
  readonly #limitBytes: number;
  readonly #flow: { readonly pause: () => void; readonly resume: () => void };
  readonly #batches: { batch: Batch; bytes: number }[] = [];
  #bytes = 0;
  #paused = false;
  #closed = false;
  #wake: (() => void) | undefined;
  #woken = false;

  constructor(limitBytes: number, flow: { readonly pause: () => void; readonly resume: () => void }) {
    this.#limitBytes = limitBytes;
    this.#flow = flow;
  }

  get length(): number {
    return this.#batches.length;
  }

  push(batch: Batch): void {
    const bytes = bytesOf(batch);
    this.#batches.push({ batch, bytes });
    this.#bytes += bytes;
    if (this.#bytes >= this.#limitBytes && !this.#paused) {
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

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  #took(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#paused && this.#bytes <= this.#limitBytes / 2) {
      this.#paused = false;
      this.#flow.resume();
    }
  }
}
