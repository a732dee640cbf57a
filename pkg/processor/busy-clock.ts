// Measures how busy this process is, for the scaler: the time its event loop was active, and the time that work waited for
// something outside which it cannot overlap any further. Never counts a wait for records.

export class BusyClock {
  readonly #now: () => number;
  readonly #activeMs: () => number;
  #waiting = 0;
  #waitSinceMs = 0;
  #waitedMs = 0;
  #takenAtMs: number;
  #takenActiveMs: number;

  /**
   * @param now a clock, ms
   * @param activeMs for how long the event loop has been active in all, ms
   */
  constructor(now: () => number, activeMs: () => number) {
    this.#now = now;
    this.#activeMs = activeMs;
    this.#takenAtMs = now();
    this.#takenActiveMs = activeMs();
  }

  /** Counts the time until `wait` settles; of several waits at once it counts the time that any is open. */
  async during<T>(wait: Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) this.#waitSinceMs = this.#now();
    try {
      return await wait;
    } finally {
      if (--this.#waiting === 0) this.#waitedMs += this.#now() - this.#waitSinceMs;
    }
  }

  /** Busy time since the last call, ms: from 0 to the time that has passed. */
  take(): number {
    const nowMs = this.#now();
    const activeMs = this.#activeMs();
    if (this.#waiting > 0) {
      this.#waitedMs += nowMs - this.#waitSinceMs;
      this.#waitSinceMs = nowMs;
    }
    const busyMs = activeMs - this.#takenActiveMs + this.#waitedMs;
    const passedMs = nowMs - this.#takenAtMs;
    this.#waitedMs = 0;
    this.#takenActiveMs = activeMs;
    this.#takenAtMs = nowMs;
    return Math.max(0, Math.min(busyMs, passedMs));
  }
}
