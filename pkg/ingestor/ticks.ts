// Decides when the log's clock is moved by ticks (T3). Never stops because the log does not answer: it tries again.
import { AlertCastError } from "../errors.ts";
import type { Task } from "../lifecycle/run-tasks.ts";
import type { Sleep } from "../lifecycle/sleep.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Publisher } from "./publisher.ts";

const INTERVAL_MS = 1_000;
const QUIET_MS = 10_000;

export interface TickOptions {
  readonly publisher: Publisher;
  readonly logger: Logger;
  readonly sleep: Sleep;
}

/** A task: every second a tick to each partition this ingestor has not written to for 10 s. */
export function createTickTask(options: TickOptions): Task {
  const { publisher, logger, sleep } = options;
  return async (signal) => {
    let failing = false;
    while (!signal.aborted) {
      try {
        const ticks = await publisher.tick(QUIET_MS);
        if (failing && ticks > 0) {
          failing = false;
          logger.info("ticks are appended again");
        }
      } catch (err) {
        if (!(err instanceof AlertCastError)) throw err;
        // One line an outage: the next seconds would only repeat it.
        if (!failing) logger.warn({ err }, "ticks cannot be appended, timers stand still");
        failing = true;
      }
      await sleep(INTERVAL_MS, signal);
    }
  };
}
