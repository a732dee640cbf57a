// The HTTP API over the read side: the original's three routes, and lists and single things under /api/v1. It only reads.
import type Router from "@koa/router";
import type Koa from "koa";
import type { LiveCounts } from "../count/counts.ts";
import { type Answer, createApp } from "../http/app.ts";
import { type Checks, createOpsRouter } from "../http/ops.ts";
import type { Metrics } from "../telemetry/catalogue.ts";
import type { Logger } from "../telemetry/logger.ts";
import { noTracing, type Tracing } from "../telemetry/tracing.ts";
import type { TicketReader } from "../ticket/read.ts";
import { runbookRouter } from "./runbook-routes.ts";
import { seedRouter } from "./seed-routes.ts";
import { ticketRouter } from "./ticket-routes.ts";

export interface ApiDeps {
  readonly reader: TicketReader;
  /** undefined = there are none: PostgreSQL answers. */
  readonly live: LiveCounts | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** For /readyz. */
  readonly ready: Checks;
  /** The wall clock, for /health. */
  readonly now: () => Date;
  /** What else is served on the same port (one process: the ingest door). */
  readonly routers?: readonly Router[];
  readonly tracing?: Tracing;
  /** Texts of the runbooks that alerts link to, by name; Markdown. */
  readonly runbooks?: ReadonlyMap<string, string>;
}

/** The application; serve its `callback()`. */
export function createApi(deps: ApiDeps): Koa {
  const { metrics, logger, ready, routers = [], tracing = noTracing, runbooks = new Map() } = deps;
  const ops = createOpsRouter({ ready, registry: metrics.registry });
  return createApp({
    routers: [seedRouter(deps), ticketRouter(deps.reader), runbookRouter(runbooks), ...routers, ops],
    logger,
    tracing,
    onAnswer: countAnswers(metrics),
  });
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Labels are bounded: a route is its pattern, never the path that was asked for. */
function countAnswers(metrics: Metrics) {
  return ({ route = "none", method, status, seconds }: Answer): void => {
    metrics.apiRequests.inc({
      route,
      method: METHODS.has(method) ? method : "other",
      class: `${Math.floor(status / 100)}xx`,
    });
    metrics.apiDuration.observe({ route }, seconds);
  };
}
