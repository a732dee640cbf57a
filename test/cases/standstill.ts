// Measures how long each partition of a cluster stood still: had records to be applied, and none was.
import { setTimeout as pause } from "node:timers/promises";
import type { Cluster } from "../cluster.ts";
import type { RawTopic } from "../raw.ts";

const LOOK_EVERY_MS = 250;

/** Looks until disposed. */
export class StandstillWatch implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #raw: RawTopic;
  readonly #ending = new AbortController();
  /** Per partition, its next offset and since when it has been that while there was more, ms. */
  readonly #since = new Map<number, { next: number; ms: number }>();
  readonly #longestMs = new Map<number, number>();
  readonly #watching: Promise<void>;

  constructor(cluster: Cluster, raw: RawTopic) {
    this.#cluster = cluster;
    this.#raw = raw;
    this.#watching = this.#watch();
    // The error is met when it is disposed; until then it must not end the test run.
    this.#watching.catch(() => undefined);
  }

  /** The longest standstill of each partition so far, ms. */
  get longestMs(): ReadonlyMap<number, number> {
    return this.#longestMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const ends = await this.#raw.ends();
      const { rows } = await this.#cluster.pool.query<{ partition: number; next_offset: number }>(
        "SELECT partition, next_offset FROM partition_state",
      );
      const nowMs = performance.now();
      for (const { partition, next_offset: next } of rows) this.#look(partition, next, ends.get(partition) ?? 0, nowMs);
      await pause(LOOK_EVERY_MS);
    }
  }

  #look(partition: number, next: number, end: number, nowMs: number): void {
    const since = this.#since.get(partition);
    if (next >= end) this.#since.delete(partition);
    else if (since?.next !== next) this.#since.set(partition, { next, ms: nowMs });
    // What ended since the last look stood still until somewhere between the two: counted in full.
    const stoodMs = since === undefined ? 0 : nowMs - since.ms;
    this.#longestMs.set(partition, Math.max(stoodMs, this.#longestMs.get(partition) ?? 0));
  }
}
