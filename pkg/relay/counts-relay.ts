// Carries ticket counts from PostgreSQL to the live counters: when they changed, and every few seconds in any case, so
// that a flushed or restarted Redis is right again soon. What it sees of the database on the way it shows as metrics.
// Never decides what the counts are.
import type { LiveCounts } from "../count/counts.ts";
import { hasCode, messageOf } from "../errors.ts";
import type { Task } from "../lifecycle/run-tasks.ts";
import type { Sleep } from "../lifecycle/sleep.ts";
import { SEVERITIES } from "../rule/model.ts";
import type { Metrics } from "../telemetry/catalogue.ts";
import type { Logger } from "../telemetry/logger.ts";
import { STATUSES } from "../ticket/counts.ts";
import type { CountsReading, TicketReader, TicketWatch } from "../ticket/read.ts";

export interface CountsRelayDeps {
  readonly reader: Pick<TicketReader, "counts" | "deadLettersStored"> & TicketWatch;
  /** undefined = there are none; the metrics are shown all the same. */
  readonly live: LiveCounts | undefined;
  readonly metrics: Pick<
    Metrics,
    | "ticketsOpen"
    | "ticketsUnacknowledgedOldest"
    | "countersAge"
    | "countersDrift"
    | "deadLettersStored"
    | "dependencyUp"
  >;
  readonly logger: Logger;
  readonly sleep: Sleep;
  /** A clock of which only differences matter, ms. */
  readonly now: () => number;
}

export interface CountsRelayOptions {
  /** Between two looks, ms. Default 1,000. */
  readonly intervalMs?: number;
  /** Unchanged counts are written again after this, ms. Default 5,000. */
  readonly refreshMs?: number;
}

/** While a dependency is away the pause doubles up to this: short enough to be right within 10 s of its return. */
const LONGEST_PAUSE_MS = 4_000;
/** What costs more than the counts is asked this often. */
const SELDOM_MS = 15_000;

/** A task that relays until aborted. A dependency that is away is tried again; anything else is thrown. */
export function countsRelay(deps: CountsRelayDeps, options: CountsRelayOptions = {}): Task {
  const { intervalMs = 1_000, refreshMs = 5_000 } = options;
  return async (signal) => {
    const relay = new CountsRelay(deps, refreshMs);
    let pauseMs = intervalMs;
    while (!signal.aborted) {
      const whole = await relay.turn();
      pauseMs = whole ? intervalMs : Math.min(pauseMs * 2, Math.max(intervalMs, LONGEST_PAUSE_MS));
      await deps.sleep(pauseMs, signal);
    }
  };
}

type Dependency = "postgres" | LiveCounts["source"];

class CountsRelay {
  readonly #deps: CountsRelayDeps;
  readonly #refreshMs: number;
  readonly #away = new Set<Dependency>();
  #written: { readonly version: number; readonly installationId: string } | undefined;
  #writtenAtMs: number;
  #seldomAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: CountsRelayDeps, refreshMs: number) {
    this.#deps = deps;
    this.#refreshMs = refreshMs;
    this.#writtenAtMs = deps.now();
  }

  /** One look. False if a dependency was away. */
  async turn(): Promise<boolean> {
    const { reader, metrics } = this.#deps;
    const reading = await this.#attempt("postgres", async () => {
      await this.#lookSeldom();
      return reader.counts();
    });
    if (reading !== undefined) this.#showOpen(reading);
    const { live } = this.#deps;
    if (live === undefined) return reading !== undefined;
    const whole = reading !== undefined && (await this.#relay(live, reading));
    metrics.countersAge.set(Math.max(0, this.#deps.now() - this.#writtenAtMs) / 1000);
    return whole;
  }

  async #relay(live: LiveCounts, reading: CountsReading): Promise<boolean> {
    const { now } = this.#deps;
    const last = this.#written;
    const same = last?.version === reading.version && last.installationId === reading.installationId;
    if (same && now() - this.#writtenAtMs < this.#refreshMs) return true;
    if (same) await this.#compare(live, reading);
    const taken = await this.#attempt(live.source, () => live.write(reading));
    if (taken === undefined) {
      // It may have come back empty: write at once when it is there.
      this.#written = undefined;
      return false;
    }
    // Refused: another relay has written newer counts, which will be ours to confirm at the next look.
    this.#written = taken ? reading : undefined;
    if (taken) this.#writtenAtMs = now();
    return true;
  }

  /** What is there of the version we wrote should be what we wrote. What is not has its right numbers after the next write. */
  async #compare(live: LiveCounts, reading: CountsReading): Promise<void> {
    const there = await this.#attempt(live.source, () => live.read());
    if (there?.version !== reading.version || there.installationId !== reading.installationId) return;
    for (const severity of SEVERITIES) {
      const drifts = STATUSES.map((status) => reading.counts[severity][status] - there.counts[severity][status]);
      const largest = drifts.reduce((most, drift) => (Math.abs(drift) > Math.abs(most) ? drift : most), 0);
      this.#deps.metrics.countersDrift.set({ severity }, largest);
    }
  }

  async #lookSeldom(): Promise<void> {
    const { reader, metrics, now } = this.#deps;
    if (now() - this.#seldomAtMs < SELDOM_MS) return;
    metrics.deadLettersStored.set(await reader.deadLettersStored());
    const oldest = await reader.unacknowledgedOldest();
    for (const severity of SEVERITIES) metrics.ticketsUnacknowledgedOldest.set({ severity }, oldest[severity]);
    this.#seldomAtMs = now();
  }

  #showOpen({ counts }: CountsReading): void {
    for (const severity of SEVERITIES) {
      for (const status of ["open", "acknowledged"] as const) {
        this.#deps.metrics.ticketsOpen.set({ severity, status }, counts[severity][status]);
      }
    }
  }

  /** Undefined when the dependency is away; that is logged when it begins and when it ends, not at each try. */
  async #attempt<T>(dependency: Dependency, work: () => Promise<T>): Promise<T | undefined> {
    const { logger, metrics } = this.#deps;
    try {
      const result = await work();
      if (this.#away.delete(dependency)) logger.info({ dependency }, "counts relay: dependency is back");
      metrics.dependencyUp.set({ component: "api", dependency }, 1);
      return result;
    } catch (error) {
      if (!hasCode(error, "unavailable")) throw error;
      if (!this.#away.has(dependency))
        logger.warn({ dependency, error: messageOf(error) }, "counts relay: dependency is away");
      this.#away.add(dependency);
      metrics.dependencyUp.set({ component: "api", dependency }, 0);
      return undefined;
    }
  }
}
