// How much each partition may hold of what this process has fetched and not worked through. Holds no records itself.

export interface ReadAheadLimits {
  /** All partitions of this process together, bytes, from 1. */
  readonly readAheadBytes: number;
  /** One partition, however few there are, bytes, from 1. */
  readonly queuedBytes: number;
}

/**
 * The one budget of a process, in equal shares for the partitions it holds: no partition waits for room that another one
 * takes. When a partition is added the others' shares shrink, and they may be over until they have worked that off.
 */
export class ReadAhead {
  readonly #limits: ReadAheadLimits;
  #partitions = 0;

  constructor(limits: ReadAheadLimits) {
    this.#limits = limits;
  }

  /** What one partition may hold now, bytes. */
  get shareBytes(): number {
    const { readAheadBytes, queuedBytes } = this.#limits;
    return Math.min(queuedBytes, readAheadBytes / Math.max(1, this.#partitions));
  }

  add(): void {
    this.#partitions++;
  }

  remove(): void {
    this.#partitions--;
  }
}
