// What arrives in the simulator: the loads that a scaler has to live with. Records/s; one replica does 100.
import { seeded } from "../../test/random.ts";
import type { WorldOptions } from "./world.ts";

export const PARTITIONS = 24;
export const PER_REPLICA = 100;

export interface Trace {
  readonly name: string;
  readonly seconds: number;
  /** The part of a world that this trace decides. */
  readonly make: (seed: number) => Pick<WorldOptions, "arrival" | "outage" | "restarts">;
}

const HOUR = 3600;

/** `total` over the partitions, each with its own fixed weight and some noise. */
function spread(seed: number, total: (second: number) => number, hot?: (second: number, partition: number) => number) {
  const random = seeded(seed);
  const raw = Array.from({ length: PARTITIONS }, () => 0.7 + 0.6 * random());
  const sum = raw.reduce((a, b) => a + b, 0);
  const weights = raw.map((weight) => weight / sum);
  // The noise is drawn for a second and a partition, so that no policy changes what another one meets.
  const noise = Array.from({ length: 997 }, () => 0.8 + 0.4 * random());
  return (second: number, partition: number) =>
    total(second) * (weights[partition] ?? 0) * (noise[(second * 31 + partition * 7) % 997] ?? 1) +
    (hot?.(second, partition) ?? 0);
}

/** Between two values, by turns of a seeded number. */
function between(seed: number, low: number, high: number): number {
  return low + (high - low) * seeded(seed ^ 0x5bd1e995)();
}

export const TRACES: readonly Trace[] = [
  { name: "steady", seconds: 2 * HOUR, make: (seed) => ({ arrival: spread(seed, () => between(seed, 500, 1200)) }) },
  {
    name: "step",
    seconds: 2 * HOUR,
    make: (seed) => ({ arrival: spread(seed, (t) => (t > 1200 && t < 4800 ? between(seed, 1200, 1800) : 250)) }),
  },
  {
    name: "ramp",
    seconds: 3 * HOUR,
    make: (seed) => {
      const top = between(seed, 1200, 1800);
      return {
        arrival: spread(seed, (t) =>
          t < 5400 ? 150 + (top - 150) * (t / 5400) : top - (top - 150) * ((t - 5400) / 5400),
        ),
      };
    },
  },
  {
    name: "day",
    seconds: 6 * HOUR,
    make: (seed) => ({ arrival: spread(seed, (t) => 750 + 600 * Math.sin((2 * Math.PI * t) / (6 * HOUR) + seed)) }),
  },
  {
    name: "spikes",
    seconds: 3 * HOUR,
    make: (seed) => {
      const random = seeded(seed + 17);
      const starts = Array.from({ length: 8 }, () => 300 + random() * (3 * HOUR - 900));
      return { arrival: spread(seed, (t) => 300 + (starts.some((at) => t >= at && t < at + 90) ? 1500 : 0)) };
    },
  },
  {
    name: "cron",
    seconds: 2 * HOUR,
    make: (seed) => ({ arrival: spread(seed, (t) => (t % 600 < 60 ? between(seed, 1200, 2000) : 200)) }),
  },
  {
    name: "skew",
    seconds: 2 * HOUR,
    make: (seed) => ({
      arrival: spread(
        seed,
        () => 700,
        (_, partition) => (partition === seed % PARTITIONS ? 70 : 0),
      ),
    }),
  },
  {
    name: "rolling restart",
    seconds: 2 * HOUR,
    // One replica a minute, for 15 minutes.
    make: (seed) => ({
      arrival: spread(seed, () => between(seed, 700, 1100)),
      restarts: (t) => (t >= 2400 && t < 3300 && t % 60 === 0 ? 1 : 0),
    }),
  },
  {
    name: "broker outage",
    seconds: 2 * HOUR,
    // Producers keep what they could not send and bring it within two minutes.
    make: (seed) => ({
      arrival: spread(seed, (t) => between(seed, 500, 900) * (t >= 3180 && t < 3300 ? 2.5 : 1)),
      outage: (t) => t >= 3000 && t < 3180,
    }),
  },
  {
    name: "hot hour",
    seconds: 3 * HOUR,
    make: (seed) => ({
      arrival: spread(
        seed,
        () => 600,
        (t, partition) => (partition === (seed * 5) % PARTITIONS && t >= 3600 && t < 7200 ? 110 : 0),
      ),
    }),
  },
];
