// Decides when a commit carries a snapshot of the partition's memory: after so long or so many entries, and at each rule change.
import type { Detector } from "../rule/detect.ts";
import { encodeSnapshot, SNAPSHOT_FORMAT } from "../rule/snapshot.ts";
import type { Commit } from "../ticket/store.ts";
import type { ProcessorLimits } from "./deps.ts";

export class SnapshotSchedule {
  readonly #limits: Pick<ProcessorLimits, "snapshotEveryMs" | "snapshotEveryEntries">;
  readonly #now: () => number;
  #entries = 0;
  #takenAtMs = 0;

  constructor(limits: Pick<ProcessorLimits, "snapshotEveryMs" | "snapshotEveryEntries">, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Counts from here on. */
  restart(): void {
    this.#entries = 0;
    this.#takenAtMs = this.#now();
  }

  count(entries: number): void {
    this.#entries += entries;
  }

  /** The snapshot that is due, or that `must` be; undefined = none. */
  take(detector: Detector, must: boolean): Commit["snapshot"] {
    const { snapshotEveryMs, snapshotEveryEntries } = this.#limits;
    const isOld = this.#entries > 0 && this.#now() - this.#takenAtMs >= snapshotEveryMs;
    if (!must && !isOld && this.#entries < snapshotEveryEntries) return undefined;
    detector.sweep();
    this.restart();
    return { format: SNAPSHOT_FORMAT, memory: encodeSnapshot(detector.memory) };
  }
}
