// The HTTP API over the read side: the original's three routes, and lists and single things under /api/v1. It only reads.
import type Router from "@koa/router";
import type Koa from "koa";
import type { LiveCounts } from "../count/counts.ts";
import { type Answer, createApp } from "../http/app.ts";
import { type Checks, createOpsRouter } from "../http/ops.ts";
import type { Metrics } from "../telemetry/catalogue.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { TicketReader } from "../ticket/read.ts";
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
}

/** The application; serve its `callback()`. */
export function createApi(deps: ApiDeps): Koa {
  const { metrics, logger, ready, routers = [] } = deps;
  const ops = createOpsRouter({ ready, registry: metrics.registry });
  return createApp({
    routers: [seedRouter(deps), ticketRouter(deps.reader), ...routers, ops],
    logger,
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
