// Estimates how long decoding takes without looking at the clock for each record. Never changes what is decoded.

/** Every so many decodings one is timed and stands for all of them: two looks at the clock would cost a twentieth of each. */
const EVERY = 16;

export class DecodeClock {
  readonly #now: () => number;
  #n = 0;
  #ms = 0;

  /** @param now a clock with parts of a ms of which only differences matter */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  run<T>(decode: () => T): T {
    if (this.#n++ % EVERY !== 0) return decode();
    const startedMs = this.#now();
    const decoded = decode();
    this.#ms += (this.#now() - startedMs) * EVERY;
    return decoded;
  }

  /** Time since the last call, ms; at most `mostMs`, which is what all of it took together. */
  take(mostMs: number): number {
    const ms = Math.min(this.#ms, mostMs);
    this.#ms = 0;
    return ms;
  }
}
