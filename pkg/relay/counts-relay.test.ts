import { expect, test } from "vitest";
import { memoryCounts } from "../count/memory.ts";
import { AlertCastError } from "../errors.ts";
import { createMetrics } from "../telemetry/catalogue.ts";
import { createLogger } from "../telemetry/logger.ts";
import { countsOf } from "../ticket/counts.ts";
import type { CountsReading } from "../ticket/read.ts";
import { type CountsRelayDeps, countsRelay } from "./counts-relay.ts";

function reading(version: number, installationId = "one"): CountsReading {
  return { installationId, version, counts: countsOf((_, status) => (status === "open" ? version : 0)) };
}

/** Runs `turns` looks on a virtual clock; before each, `world` may change things. */
async function run(turns: number, world: (turn: number, state: World) => void = () => undefined, withLive = true) {
  const state: World = { current: reading(1), postgresAway: false, redisAway: false };
  const lines: string[] = [];
  const writes: { readonly version: number; readonly atMs: number }[] = [];
  const pauses: number[] = [];
  const metrics = createMetrics("api", { processMetrics: false });
  let nowMs = 0;
  let turn = 0;
  const live = memoryCounts(() => nowMs);
  const stop = new AbortController();
  const away = () => new AlertCastError("unavailable", "is away");
  const deps: CountsRelayDeps = {
    reader: {
      async counts() {
        if (state.postgresAway) throw away();
        if (state.fault !== undefined) throw state.fault;
        return state.current;
      },
      deadLettersStored: async () => 7,
      unacknowledgedOldest: async () => ({ critical: 901, high: 0, medium: 0, low: 0 }),
    },
    live: withLive
      ? {
          source: "redis",
          async read() {
            const there = await live.read();
            const { tampered = 0 } = state;
            if (there === undefined) return undefined;
            const counts = countsOf(
              (severity, status) => there.counts[severity][status] + (status === "open" ? tampered : 0),
            );
            return { ...there, counts };
          },
          async write(counts) {
            if (state.redisAway) throw away();
            writes.push({ version: counts.version, atMs: nowMs });
            return live.write(counts);
          },
        }
      : undefined,
    metrics,
    logger: createLogger({ component: "test", destination: { write: (line) => lines.push(line) } }),
    async sleep(ms) {
      pauses.push(ms);
      nowMs += ms;
      turn += 1;
      if (turn === turns) stop.abort();
      else world(turn, state);
    },
    now: () => nowMs,
  };
  world(0, state);
  await countsRelay(deps)(stop.signal);
  return { lines, writes, pauses, live, metrics };
}

interface World {
  current: CountsReading;
  postgresAway: boolean;
  redisAway: boolean;
  /** Open tickets of each severity that somebody added in Redis. */
  tampered?: number;
  fault?: Error;
}

test("changed counts are written at the next look, unchanged ones every five seconds", async () => {
  const { writes } = await run(9, (turn, state) => {
    if (turn === 2) state.current = reading(5);
  });
  expect(writes).toEqual([
    { version: 1, atMs: 0 },
    { version: 5, atMs: 2_000 },
    { version: 5, atMs: 7_000 },
  ]);
});

test("a database that went back to older counts is not written over newer ones", async () => {
  const { live } = await run(4, (turn, state) => {
    state.current = reading(turn === 0 ? 9 : 3);
  });
  expect(await live.read()).toMatchObject({ version: 9 });
});

test("another installation is written at once although its version is lower", async () => {
  const { live } = await run(3, (turn, state) => {
    state.current = turn === 0 ? reading(9) : reading(2, "two");
  });
  expect(await live.read()).toMatchObject({ installationId: "two", version: 2 });
});

test("while Redis is away pauses grow to a bound, and it is written to as soon as it is back", async () => {
  const { writes, pauses } = await run(6, (turn, state) => {
    state.redisAway = turn >= 1 && turn < 5;
    if (turn === 1) state.current = reading(2);
  });
  expect(pauses).toEqual([1_000, 2_000, 4_000, 4_000, 4_000, 1_000]);
  expect(writes.at(-1)).toEqual({ version: 2, atMs: 15_000 });
});

test("an outage is logged when it begins and when it ends, not at each try", async () => {
  const { lines } = await run(9, (turn, state) => {
    state.postgresAway = turn >= 1 && turn < 6;
  });
  expect(lines.map((line) => JSON.parse(line)).map(({ level, dependency }) => [level, dependency])).toEqual([
    ["warn", "postgres"],
    ["info", "postgres"],
  ]);
});

test("open tickets, dead letters, dependencies and the age of the counters are shown", async () => {
  const { metrics } = await run(3, (turn, state) => {
    state.redisAway = turn > 0;
    if (turn > 0) state.current = reading(4);
  });
  const text = await metrics.registry.metrics();
  expect(text).toContain('alertcast_tickets_open{severity="high",status="open"} 4');
  expect(text).toContain("alertcast_dead_letters_stored 7");
  expect(text).toContain('alertcast_dependency_up{component="api",dependency="redis"} 0');
  expect(text).toContain('alertcast_dependency_up{component="api",dependency="postgres"} 1');
  expect(text).toContain("alertcast_counters_age_seconds 3");
  expect(text).toContain('alertcast_tickets_unacknowledged_oldest_seconds{severity="critical"} 901');
});

test("without live counters the database's numbers are shown all the same", async () => {
  const { metrics, writes } = await run(2, () => undefined, false);
  const text = await metrics.registry.metrics();
  expect(text).toContain('alertcast_tickets_open{severity="high",status="open"} 1');
  expect(text).toContain('alertcast_dependency_up{component="api",dependency="postgres"} 1');
  expect(writes).toEqual([]);
});

test("numbers that somebody else changed are shown as drift until they are written again", async () => {
  const seen: number[] = [];
  const { metrics } = await run(12, (turn, state) => {
    state.tampered = turn < 6 ? 3 : 0;
    if (turn > 0) seen.push(turn);
  });
  const text = await metrics.registry.metrics();
  expect(seen.length).toBeGreaterThan(6);
  expect(text).toContain('alertcast_counters_drift_tickets{severity="high"} 0');
  const { metrics: tampered } = await run(7, (_, state) => {
    state.tampered = 3;
  });
  expect(await tampered.registry.metrics()).toContain('alertcast_counters_drift_tickets{severity="high"} -3');
});

test("an error that no waiting can heal ends the task", async () => {
  const fault = new Error("broken promise");
  await expect(run(3, (_, state) => Object.assign(state, { fault }))).rejects.toBe(fault);
});
