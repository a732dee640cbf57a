// Decides who leads: one process at a time, by a Lease that is renewed every 2 s and lost after 10 s without a renewal.
// A candidate trusts its own clock only: it takes over 15 s after it last saw the Lease change.
import { AlertCastError, messageOf } from "../errors.ts";
import type { Sleep } from "../lifecycle/sleep.ts";
import { within } from "../log/wait.ts";
import type { Logger } from "../telemetry/logger.ts";

export interface LeaseRecord {
  /** Empty = nobody. */
  readonly holder: string;
  readonly durationSeconds: number;
  /** ms since 1970, by the holder's clock. */
  readonly acquiredAtMs: number;
  readonly renewedAtMs: number;
  /** How often the holder has changed. */
  readonly transitions: number;
}

/** The port to where the Lease is kept. Every call ends by itself. */
export interface LeaseStore {
  /** undefined = there is none yet. */
  read(): Promise<StoredLease | undefined>;
  /**
   * Stores `record` in place of `before`, which must not have changed since it was read.
   * @throws AlertCastError `conflict` when somebody was faster
   */
  write(record: LeaseRecord, before: StoredLease | undefined): Promise<StoredLease>;
}

export interface StoredLease {
  readonly record: LeaseRecord;
  /** Changes with each write. */
  readonly version: string;
}

export interface LeaseOptions {
  readonly store: LeaseStore;
  /** Unlike any other process's, a former life of this one included. */
  readonly identity: string;
  readonly logger: Logger;
  readonly sleep: Sleep;
  /** ms since 1970: only what is written for people to read. */
  readonly now: () => number;
  /** A clock that nobody sets, ms. */
  readonly monotonic: () => number;
  readonly durationMs?: number;
  readonly renewWithinMs?: number;
  readonly retryMs?: number;
}

/** One candidate. `acquire`, then `keep` until it rejects or is aborted, then `release`. */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #durationMs: number;
  readonly #renewWithinMs: number;
  readonly #retryMs: number;
  #stored: StoredLease | undefined;
  #seenAtMs = 0;
  #renewedAtMs: number | undefined;
  #over = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#durationMs = options.durationMs ?? 15_000;
    this.#renewWithinMs = options.renewWithinMs ?? 10_000;
    this.#retryMs = options.retryMs ?? 2_000;
  }

  /**
   * Whether a write may begin now. A write that ends within 15 s - 10 s = 5 s is over before anybody else can lead.
   */
  get held(): boolean {
    if (this.#over || this.#renewedAtMs === undefined) return false;
    return this.#options.monotonic() - this.#renewedAtMs < this.#renewWithinMs;
  }

  /** Resolves when this process leads, or `signal` aborts. @param turned called after each try */
  async acquire(signal: AbortSignal, turned: () => void = () => undefined): Promise<void> {
    let lastProblem: string | undefined;
    while (!signal.aborted) {
      try {
        if (await this.#tryOnce()) return;
        lastProblem = undefined;
      } catch (error) {
        const problem = messageOf(error);
        if (problem !== lastProblem) this.#options.logger.warn({ err: error }, "cannot read or write the Lease");
        lastProblem = problem;
      }
      turned();
      await this.#options.sleep(this.#retryMs, signal);
    }
  }

  /** Renews until aborted. @throws AlertCastError `fenced` when the Lease is lost: then the process has to end */
  async keep(signal: AbortSignal, turned: () => void = () => undefined): Promise<void> {
    const { sleep, logger, monotonic } = this.#options;
    while (!signal.aborted) {
      await sleep(this.#retryMs, signal);
      if (signal.aborted) return;
      const leftMs = (this.#renewedAtMs ?? 0) + this.#renewWithinMs - monotonic();
      if (leftMs <= 0) throw this.#lost("it could not be renewed in time");
      try {
        if (!(await within(this.#tryOnce(), leftMs, "the renewal of the Lease"))) {
          throw this.#lost(`${this.#stored?.record.holder} holds it`);
        }
        turned();
      } catch (error) {
        if (error instanceof AlertCastError && error.code === "fenced") throw error;
        logger.warn({ err: error }, "Lease not renewed");
      }
    }
  }

  /** Lets others in at once. Does nothing where it is not held. Failing is harmless: it runs out by itself. */
  async release(): Promise<void> {
    if (!this.held || this.#stored === undefined) return;
    this.#over = true;
    const { store, now, logger } = this.#options;
    try {
      const record = { ...this.#stored.record, holder: "", durationSeconds: 1, renewedAtMs: now() };
      await store.write(record, this.#stored);
    } catch (error) {
      logger.warn({ err: error }, "Lease not released");
    }
  }

  /** Takes or renews the Lease if that is allowed; false = another one holds it. */
  async #tryOnce(): Promise<boolean> {
    const { store, identity, now, monotonic } = this.#options;
    const startMs = monotonic();
    // Our own write is the newest we know of; anybody else's makes ours fail with a conflict, and then we look again.
    let stored = this.#mine() ? this.#stored : await store.read();
    this.#notice(stored);
    const record = stored?.record;
    const mine = record?.holder === identity;
    if (record !== undefined && !mine && record.holder !== "" && !this.#ranOut(startMs)) {
      this.#renewedAtMs = undefined;
      return false;
    }
    const next: LeaseRecord = {
      holder: identity,
      durationSeconds: Math.round(this.#durationMs / 1000),
      acquiredAtMs: mine ? record.acquiredAtMs : now(),
      renewedAtMs: now(),
      transitions: (record?.transitions ?? 0) + (record === undefined || mine ? 0 : 1),
    };
    try {
      stored = await store.write(next, stored);
    } catch (error) {
      this.#stored = undefined; // whether it was written is not known: read it next time
      throw error;
    }
    this.#notice(stored);
    this.#renewedAtMs = startMs;
    return true;
  }

  #mine(): boolean {
    return this.#stored?.record.holder === this.#options.identity;
  }

  #notice(stored: StoredLease | undefined): void {
    if (stored?.version !== this.#stored?.version || this.#seenAtMs === 0) this.#seenAtMs = this.#options.monotonic();
    this.#stored = stored;
  }

  #ranOut(nowMs: number): boolean {
    const durationMs = (this.#stored?.record.durationSeconds ?? 0) * 1000;
    return nowMs - this.#seenAtMs >= durationMs;
  }

  /** For good: a renewal that is still under way must not bring it back. */
  #lost(why: string): AlertCastError {
    this.#over = true;
    return new AlertCastError("fenced", `the Lease is lost: ${why}`);
  }
}
