// The in-memory adapter of the live counters, for one process.

import type { CountsReading } from "../ticket/read.ts";
import type { LiveCounts } from "./counts.ts";

/** @param now the clock, ms; only differences matter */
export function memoryCounts(now: () => number = () => performance.now()): LiveCounts {
  let held: { readonly reading: CountsReading; readonly atMs: number } | undefined;
  return {
    async read() {
      if (held === undefined) return undefined;
      return { ...held.reading, ageMs: Math.max(0, now() - held.atMs) };
    },
    async write(reading) {
      const old = held?.reading;
      if (old?.installationId === reading.installationId && old.version > reading.version) return false;
      held = { reading, atMs: now() };
      return true;
    },
  };
}
