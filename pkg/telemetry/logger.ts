// Decides the form of log lines: one JSON object a line, a constant message, variables as fields. Never what is logged.
import { pino } from "pino";

/** Levels from the most to the least talkative; `silent` logs nothing. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The message is constant; what varies goes into fields. An error goes into the field `err`. */
export interface Log {
  (fields: object, message: string): void;
  (message: string): void;
}

export interface Logger {
  readonly debug: Log;
  readonly info: Log;
  readonly warn: Log;
  readonly error: Log;
  readonly fatal: Log;
}

export interface LoggerOptions {
  /** Which service speaks, in each line. */
  readonly component: string;
  /** Default info. */
  readonly level?: LogLevel;
  /** Where lines go. Default: standard output. */
  readonly destination?: { write(line: string): void };
}

/** A logger that writes JSON lines with time (RFC 3339 UTC), level, component and msg. */
export function createLogger(options: LoggerOptions): Logger {
  const { component, level = "info", destination } = options;
  const settings = {
    level,
    base: { component },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const logger = destination === undefined ? pino(settings) : pino(settings, destination);
  return {
    debug: logger.debug.bind(logger),
    info: logger.info.bind(logger),
    warn: logger.warn.bind(logger),
    error: logger.error.bind(logger),
    fatal: logger.fatal.bind(logger),
  };
}
