// Declares how traces are sampled and named. Where they are sent (OTEL_EXPORTER_OTLP_*) the exporter reads by itself.
import { type Environment, readConfig } from "./read.ts";

const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

export interface TracingConfig {
  readonly sampler: (typeof SAMPLERS)[number];
  /** Share of the traces that begin here, 0 to 1; for the samplers by ratio. */
  readonly ratio: number;
  readonly serviceName: string;
  /** How long spans wait for company before they are sent, ms. */
  readonly sendEveryMs: number;
}

/** True if traces are wanted: OTEL_EXPORTER_OTLP_ENDPOINT is set, and OTEL_SDK_DISABLED is not true. */
export function wantsTraces(env: Environment): boolean {
  return Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT) && env.OTEL_SDK_DISABLED?.toLowerCase() !== "true";
}

/** Throws `invalid` naming every malformed variable. */
export function tracingConfig(env: Environment, component: string): TracingConfig {
  return readConfig(env, (read) => ({
    sampler: read.oneOf("OTEL_TRACES_SAMPLER", "parentbased_always_on", SAMPLERS),
    ratio: read.number("OTEL_TRACES_SAMPLER_ARG", 1, { min: 0, max: 1 }),
    sendEveryMs: read.integer("OTEL_BSP_SCHEDULE_DELAY", 5_000, { min: 1, max: 600_000 }),
    serviceName: read.text("OTEL_SERVICE_NAME", `alertcast-${component}`),
  }));
}
