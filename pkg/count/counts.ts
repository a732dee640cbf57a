// The port of the live counters: a copy of PostgreSQL's ticket counts that is cheap to read. Types only.
// It holds absolute values with their version, never increments, so that a repeated or late write does no harm.
import type { CountsReading } from "../ticket/read.ts";

export interface LiveReading extends CountsReading {
  /** Since these counts were last written or confirmed, ms, by the counters' own clock. */
  readonly ageMs: number;
}

export interface LiveCounts {
  /** What the numbers are kept in, as clients are told. */
  readonly source: "redis" | "memory";
  /**
   * The counts of the installation that was last written here (whatever became of the write), by this process or another.
   * Undefined before that, and when nothing is there. Throws `unavailable`.
   */
  read(): Promise<LiveReading | undefined>;
  /**
   * Sets the counts of the reading's installation unless those there are newer. The same version confirms them: their age starts anew.
   * Counts of other installations are left alone.
   * @returns false if newer ones stayed. Throws `unavailable`: then it may or may not have been written, and writing again is harmless.
   */
  write(reading: CountsReading): Promise<boolean>;
}
