import { afterEach, expect, test, vi } from "vitest";
import { AlertCastError } from "../errors.ts";
import { TICK_HEADER } from "../log/headers.ts";
import { homePartition } from "../log/home.ts";
import type { NewRecord } from "../log/log.ts";
import { createMetrics } from "../telemetry/catalogue.ts";
import { createLogger } from "../telemetry/logger.ts";
import { createIngestor } from "./ingestor.ts";
import { createPublisher } from "./publisher.ts";
import { simulate } from "./simulator.ts";
import { createSimulatorTask } from "./simulator-task.ts";
import { createTickTask } from "./ticks.ts";

vi.setConfig({ testTimeout: 60_000 });

const PARTITIONS = 6;
const logged: Record<string, unknown>[] = [];
const logger = createLogger({ component: "test", destination: { write: (line) => logged.push(JSON.parse(line)) } });

afterEach(() => {
  logged.length = 0;
});

/** Keeps what was appended, one list an append; `fault` is what the next appends do instead. */
function recordingLog() {
  const appends: (readonly NewRecord[])[] = [];
  const log = {
    appends,
    fault: undefined as (() => Promise<void>) | undefined,
    records: () => appends.flat(),
    async append(records: readonly NewRecord[]): Promise<void> {
      if (log.fault !== undefined) return log.fault();
      appends.push(records);
    },
  };
  return log;
}

const unavailable = async () => {
  throw new AlertCastError("unavailable", "no answer");
};
const event = (device: string) => JSON.stringify({ device_id: device, status: "online", temperature: 20 });

/** A clock that stands still but for sleeping; `onSleep` sees each wait and may abort. */
function virtualTime(onSleep: (ms: number) => void) {
  const time = { ms: 0 };
  const sleep = async (ms: number) => {
    time.ms += ms;
    onSleep(time.ms);
  };
  return { elapsedMs: () => time.ms, sleep };
}

test("ticks go to each partition that was not written to for 10 s, and to no other", async () => {
  const log = recordingLog();
  const ending = new AbortController();
  const metrics = createMetrics("ingestor", { processMetrics: false });
  const ticksAt: [number, number[]][] = [];
  const { elapsedMs, sleep } = virtualTime((ms) => {
    if (ms >= 25_000) ending.abort();
  });
  const publisher = createPublisher({ log, topicPartitions: 3, elapsedMs, metrics });
  const append = log.append;
  log.append = async (records) => {
    if (records[0]?.value === null) ticksAt.push([elapsedMs(), records.map(({ partition }) => partition)]);
    return append(records);
  };
  const busy = ["a", "b", "c", "d", "e"].find((id) => homePartition(id, 3) === 1) ?? "";
  const write = async (ms: number, signal: AbortSignal) => {
    if (elapsedMs() === 4000) await publisher.publish([{ deviceId: busy, value: Buffer.from(event(busy)) }]);
    if (!signal.aborted) await sleep(ms);
  };
  await createTickTask({ publisher, logger, sleep: write })(ending.signal);

  expect(ticksAt).toEqual([
    [0, [0, 1, 2]],
    [10_000, [0, 2]],
    [14_000, [1]],
    [20_000, [0, 2]],
    [24_000, [1]],
  ]);
  const tick = log.records()[0];
  expect(tick).toEqual({ partition: 0, key: null, value: null, headers: { [TICK_HEADER]: "1" } });
  expect(await metrics.registry.metrics()).toContain("alertcast_ticks_appended_total 9");
});

test("ticks are tried again each second while the log is away, with one log line for the outage", async () => {
  const log = recordingLog();
  log.fault = unavailable;
  const ending = new AbortController();
  const { elapsedMs, sleep } = virtualTime((ms) => {
    if (ms === 5000) log.fault = undefined;
    if (ms === 8000) ending.abort();
  });
  const publisher = createPublisher({
    log,
    topicPartitions: 2,
    elapsedMs,
    metrics: createMetrics("ingestor", { processMetrics: false }),
  });
  await createTickTask({ publisher, logger, sleep })(ending.signal);
  expect(log.appends).toHaveLength(1);
  expect(logged.map(({ msg }) => msg)).toEqual([
    "ticks cannot be appended, timers stand still",
    "ticks are appended again",
  ]);
});

test.each([0.2, 3, 1000])("the simulator sends %d events per second by the way of all events", async (rate) => {
  const log = recordingLog();
  const ending = new AbortController();
  const { elapsedMs, sleep } = virtualTime((ms) => {
    if (ms > 100_000) ending.abort();
  });
  const metrics = createMetrics("ingestor", { processMetrics: false });
  const publisher = createPublisher({ log, topicPartitions: PARTITIONS, elapsedMs, metrics });
  const simulator = simulate(7, 20);
  const nowMs = () => Date.UTC(2026, 0, 1) + elapsedMs();
  await createSimulatorTask({ simulator, rate, publisher, metrics, logger, sleep, elapsedMs, nowMs })(ending.signal);
  const expected = 100 * rate;
  expect(log.records().length).toBeGreaterThan(expected * 0.97);
  expect(log.records().length).toBeLessThan(expected * 1.03 + 2);
  expect(
    log.records().every(({ key, partition }) => key !== null && partition === homePartition(key, PARTITIONS)),
  ).toBe(true);
  expect(await metrics.registry.metrics()).toContain(
    `alertcast_events_accepted_total{source="simulator"} ${log.records().length}`,
  );
});

test("the simulator drops what the log does not take and makes up for one second at most", async () => {
  const log = recordingLog();
  const ending = new AbortController();
  const { elapsedMs, sleep } = virtualTime((ms) => {
    if (ms > 61_000) ending.abort();
  });
  log.fault = async () => {
    await sleep(60_000);
    log.fault = undefined;
    return unavailable();
  };
  const metrics = createMetrics("ingestor", { processMetrics: false });
  const publisher = createPublisher({ log, topicPartitions: PARTITIONS, elapsedMs, metrics });
  const settings = {
    simulator: simulate(7, 20),
    rate: 10,
    publisher,
    metrics,
    logger,
    sleep,
    elapsedMs,
    nowMs: elapsedMs,
  };
  await createSimulatorTask(settings)(ending.signal);
  expect(log.appends[0]).toHaveLength(10);
  expect(log.appends.slice(1).every((records) => records.length === 1)).toBe(true);
  expect(logged.map(({ msg }) => msg)).toEqual(["simulated events cannot be appended and are dropped"]);
});

test("the service ticks and simulates until it is aborted", async () => {
  const log = recordingLog();
  const ending = new AbortController();
  const metrics = createMetrics("ingestor", { processMetrics: false });
  const ingestor = createIngestor({
    log,
    topicPartitions: 2,
    metrics,
    logger,
    simulator: { rate: 50, devices: 3, seed: 1 },
  });
  expect(ingestor.checks.log?.()).toBe("nothing was appended yet");
  const running = ingestor.run(ending.signal);
  await expect
    .poll(() => log.records().filter(({ value }) => value !== null).length, { timeout: 60_000 })
    .toBeGreaterThan(2);
  expect(log.records().filter(({ value }) => value === null)).toHaveLength(2);
  ending.abort();
  await running;
});
