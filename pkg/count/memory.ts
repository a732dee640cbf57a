// The in-memory adapter of the live counters, for one process.

import type { CountsReading } from "../ticket/read.ts";
import type { LiveCounts } from "./counts.ts";

/** @param now the clock, ms; only differences matter */
export function memoryCounts(now: () => number = () => performance.now()): LiveCounts {
  const held = new Map<string, { readonly reading: CountsReading; readonly atMs: number }>();
  let ours = "";
  return {
    source: "memory",
    async read() {
      const found = held.get(ours);
      return found === undefined ? undefined : { ...found.reading, ageMs: Math.max(0, now() - found.atMs) };
    },
    async write(reading) {
      ours = reading.installationId;
      const old = held.get(ours)?.reading;
      if (old !== undefined && old.version > reading.version) return false;
      held.set(ours, { reading, atMs: now() });
      return true;
    },
  };
}
