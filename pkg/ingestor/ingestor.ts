// The ingestor service: the HTTP door, the ticks, and the simulator when it is on, over one event log.
import type Router from "@koa/router";
import type { Checks } from "../http/ops.ts";
import { runTasks, type Task } from "../lifecycle/run-tasks.ts";
import { sleep as realSleep, type Sleep } from "../lifecycle/sleep.ts";
import type { EventLog } from "../log/log.ts";
import type { Metrics } from "../telemetry/catalogue.ts";
import type { Logger } from "../telemetry/logger.ts";
import { noTracing, type Tracing } from "../telemetry/tracing.ts";
import { createPublisher } from "./publisher.ts";
import { createIngestRouter, DEFAULT_LIMITS, type IngestLimits } from "./routes.ts";
import { simulate } from "./simulator.ts";
import { createSimulatorTask } from "./simulator-task.ts";
import { createTickTask } from "./ticks.ts";

export interface IngestorOptions {
  readonly log: Pick<EventLog, "append">;
  /** As the log describes its topic. */
  readonly topicPartitions: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly limits?: Partial<IngestLimits>;
  readonly tracing?: Tracing;
  /** Without it, or at rate 0, nothing is simulated. */
  readonly simulator?: {
    /** Events per second, >= 0. */
    readonly rate: number;
    readonly devices: number;
    /** 32-bit integer. */
    readonly seed: number;
  };
  /** Milliseconds of a clock that never goes back. Default: the process' own. */
  readonly elapsedMs?: () => number;
  /** Milliseconds since 1970, for the ts of simulated events. Default: the host's clock. */
  readonly nowMs?: () => number;
  readonly sleep?: Sleep;
}

export interface Ingestor {
  /** `POST /api/v1/events`. */
  readonly router: Router;
  /** For /readyz: whether the log has taken an append (ticks come by themselves). */
  readonly checks: Checks;
  /** Ticks and the simulator. */
  readonly run: Task;
}

export function createIngestor(options: IngestorOptions): Ingestor {
  const { log, topicPartitions, metrics, logger, simulator, sleep = realSleep } = options;
  const { elapsedMs = () => performance.now(), nowMs = () => Date.now() } = options;
  const { tracing = noTracing } = options;
  const publisher = createPublisher({ log, topicPartitions, elapsedMs, metrics, tracing });
  const tasks = [createTickTask({ publisher, logger, sleep })];
  if (simulator !== undefined && simulator.rate > 0) {
    const fleet = simulate(simulator.seed, simulator.devices);
    tasks.push(
      createSimulatorTask({
        simulator: fleet,
        rate: simulator.rate,
        publisher,
        metrics,
        logger,
        sleep,
        elapsedMs,
        nowMs,
      }),
    );
  }
  // An outage of the log later on is answered with 503 and Retry-After; without a ready ingestor nobody would answer.
  let worked = false;
  return {
    router: createIngestRouter({ publisher, metrics, limits: { ...DEFAULT_LIMITS, ...options.limits } }),
    checks: {
      log: () => {
        worked ||= publisher.lastAppend === "acknowledged";
        if (worked) return true;
        return publisher.lastAppend === "failed" ? "the last append failed" : "nothing was appended yet";
      },
    },
    run: (signal) => runTasks(tasks, signal),
  };
}
