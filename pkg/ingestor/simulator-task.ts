// Decides how fast simulated events are sent. Sends by the way all events go; what the log does not take is dropped, not kept.
import { AlertCastError } from "../errors.ts";
import type { Task } from "../lifecycle/run-tasks.ts";
import type { Sleep } from "../lifecycle/sleep.ts";
import type { Metrics } from "../telemetry/catalogue.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Publisher, ValidEvent } from "./publisher.ts";
import type { Simulator } from "./simulator.ts";

/** Small enough to be smooth, large enough not to spend the time on timers. */
const MIN_PAUSE_MS = 20;

export interface SimulatorTaskOptions {
  readonly simulator: Simulator;
  /** Events per second, > 0. */
  readonly rate: number;
  readonly publisher: Publisher;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly sleep: Sleep;
  /** Milliseconds of a clock that never goes back: paces. */
  readonly elapsedMs: () => number;
  /** Milliseconds since 1970: becomes the events' ts. */
  readonly nowMs: () => number;
}

/** A task: sends `rate` events per second, the first at once. After a pause at most one second's worth is made up for. */
export function createSimulatorTask(options: SimulatorTaskOptions): Task {
  const { simulator, rate, sleep, elapsedMs, nowMs } = options;
  const send = createSender(options);
  const mostAtOnce = Math.max(1, Math.ceil(rate));
  return async (signal) => {
    const startMs = elapsedMs();
    let sent = 0;
    while (!signal.aborted) {
      const due = Math.floor(((elapsedMs() - startMs) / 1000) * rate) + 1 - sent;
      sent += due;
      if (due > 0) {
        const events = Array.from({ length: Math.min(due, mostAtOnce) }, () => simulator.next(nowMs()));
        await send(events.map((event) => ({ deviceId: event.device_id, value: Buffer.from(JSON.stringify(event)) })));
      }
      const nextMs = startMs + (sent / rate) * 1000;
      await sleep(Math.max(MIN_PAUSE_MS, nextMs - elapsedMs()), signal);
    }
  };
}

function createSender(options: SimulatorTaskOptions): (events: readonly ValidEvent[]) => Promise<void> {
  const { publisher, metrics, logger } = options;
  let failing = false;
  return async (events) => {
    metrics.eventsReceived.inc({ source: "simulator" }, events.length);
    try {
      await publisher.publish(events);
      metrics.eventsAccepted.inc({ source: "simulator" }, events.length);
      failing = false;
    } catch (err) {
      if (!(err instanceof AlertCastError)) throw err;
      if (!failing) logger.warn({ err }, "simulated events cannot be appended and are dropped");
      failing = true;
    }
  };
}
