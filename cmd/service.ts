// What every program of AlertCast does around its work: signals, readiness, waiting for dependencies, exit code.
import packageJson from "../package.json" with { type: "json" };
import { AlertCastError, hasCode, messageOf } from "../pkg/errors.ts";
import { createApp } from "../pkg/http/app.ts";
import { type Checks, createOpsRouter, type OpsOptions } from "../pkg/http/ops.ts";
import { type HttpServer, startHttpServer } from "../pkg/http/server.ts";
import { sleep } from "../pkg/lifecycle/sleep.ts";
import { onTermination } from "../pkg/lifecycle/termination.ts";
import type { Metrics } from "../pkg/telemetry/catalogue.ts";
import { createLogger, type Logger, type LogLevel } from "../pkg/telemetry/logger.ts";
import type { Tracing } from "../pkg/telemetry/tracing.ts";
import { startTracing } from "./otel.ts";

/** As alertcast_build_info shows it. */
export const VERSION = packageJson.version;

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3000;

/** What a program still waits for, by name; what /readyz says. */
export class Readiness {
  readonly #missing = new Map<string, string>();

  constructor(names: readonly string[]) {
    for (const name of names) this.#missing.set(name, "not asked yet");
  }

  set(name: string, state: true | string): void {
    if (state === true) this.#missing.delete(name);
    else this.#missing.set(name, state);
  }

  get isReady(): boolean {
    return this.#missing.size === 0;
  }

  /** One check per name. */
  checks(names: readonly string[]): Checks {
    return Object.fromEntries(names.map((name) => [name, () => this.#missing.get(name) ?? true]));
  }
}

/** Tries until it succeeds, as long as the dependency is only away; anything else is thrown. */
export async function waitFor<T>(
  what: string,
  attempt: () => Promise<T>,
  deps: { readonly readiness: Readiness; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<T> {
  let pauseMs = FIRST_PAUSE_MS;
  for (let n = 1; ; n++) {
    try {
      const result = await attempt();
      deps.readiness.set(what, true);
      return result;
    } catch (error) {
      if (!hasCode(error, "unavailable")) throw error;
      deps.readiness.set(what, messageOf(error));
      if (n === 1 || n % 20 === 0) deps.logger.warn({ dependency: what, err: error }, "waiting for a dependency");
    }
    await sleep(pauseMs, deps.signal);
    if (deps.signal.aborted) throw new AlertCastError("unavailable", `stopped while waiting for ${what}`);
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5);
  }
}

/** Serves /livez, /readyz and /metrics alone. */
export async function startOpsServer(options: {
  readonly port: number;
  readonly ready: OpsOptions["ready"];
  readonly live?: Checks;
  readonly metrics: Metrics;
  readonly logger: Logger;
}): Promise<HttpServer> {
  const { port, ready, live, metrics, logger } = options;
  const router = createOpsRouter({ ready, registry: metrics.registry, ...(live === undefined ? {} : { live }) });
  return startHttpServer({ handler: createApp({ routers: [router], logger }).callback(), port });
}

/**
 * Runs a program until it ends or a signal asks it to, traced where traces are wanted: exit 0 after a wanted end, 1 after a failure, 2 when what it was
 * given (environment, rule file) is wrong.
 */
export async function runProgram(
  component: string,
  work: (signal: AbortSignal, useLogger: (level: LogLevel) => Logger, tracing: Tracing) => Promise<void>,
  options: { readonly graceMs?: number; readonly logTo?: { write(line: string): void } } = {},
): Promise<void> {
  const { graceMs = 25_000, logTo = process.stdout } = options;
  let logger = createLogger({ component, destination: logTo });
  const useLogger = (level: LogLevel) => {
    logger = createLogger({ component, level, destination: logTo });
    return logger;
  };
  using termination = onTermination({
    graceMs,
    onForced: (cause) => logger.error({ cause }, "exit forced before everything had ended"),
  });
  try {
    await using tracing = await startTracing(component, (reason) =>
      logger.warn({ reason }, "traces could not be sent"),
    );
    await work(termination.signal, useLogger, tracing);
    logger.info("ended");
    process.exitCode = 0;
  } catch (error) {
    if (termination.signal.aborted && hasCode(error, "unavailable")) {
      logger.info({ error: messageOf(error) }, "ended");
      process.exitCode = 0;
    } else {
      logger.fatal({ err: error }, "ended by an error");
      process.exitCode = hasCode(error, "invalid") ? 2 : 1;
    }
  }
  // The last lines may still be on their way into a pipe, and they are the ones that say why.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  // Whatever a driver still holds open must not keep a process that has ended its work.
  process.exit();
}

/** Resolves when all that was written has left the process, or the stream has failed. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.write("", () => resolve());
  });
}
