// Decides which events are told anew and which are the same again (a series). Never fails its caller: events are for people.
import { messageOf } from "../errors.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ScalerCluster, ScalerEvent } from "./cluster.ts";

/** The same event within so long is one more of its series, ms. */
const SERIES_MS = 600_000;

interface Series {
  readonly id: string;
  count: number;
  atMs: number;
}

/** Tells events, one object for those that repeat. */
export class EventRecorder {
  readonly #cluster: Pick<ScalerCluster, "record">;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #series = new Map<string, Series>();
  #made = 0;

  constructor(deps: {
    readonly cluster: Pick<ScalerCluster, "record">;
    readonly logger: Logger;
    readonly now: () => number;
  }) {
    this.#cluster = deps.cluster;
    this.#logger = deps.logger;
    this.#now = deps.now;
  }

  async tell(event: ScalerEvent): Promise<void> {
    const nowMs = this.#now();
    for (const [key, { atMs }] of this.#series) if (nowMs - atMs > SERIES_MS) this.#series.delete(key);
    const key = `${event.scaler.uid} ${event.reason} ${event.note}`;
    const series = this.#series.get(key) ?? this.#newSeries(event, nowMs);
    series.count++;
    series.atMs = nowMs;
    this.#series.set(key, series);
    try {
      await this.#cluster.record(event, series);
    } catch (error) {
      // The next one of the kind begins a series of its own: this one may not exist.
      this.#series.delete(key);
      this.#logger.warn({ reason: event.reason, error: messageOf(error) }, "event not recorded");
    }
  }

  #newSeries({ scaler }: ScalerEvent, nowMs: number): Series {
    const id = `${scaler.name.slice(0, 200)}.${nowMs.toString(16)}${(this.#made++).toString(16).padStart(4, "0")}`;
    return { id, count: 0, atMs: nowMs };
  }
}
