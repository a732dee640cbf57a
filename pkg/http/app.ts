// Decides what surrounds every route: request ids, errors as problems, 404 and 405, one log line per unexpected error.
import { randomUUID } from "node:crypto";
import type Router from "@koa/router";
import Koa, { type Context, type Next } from "koa";
import { AlertCastError } from "../errors.ts";
import type { Logger } from "../telemetry/logger.ts";
import { noTracing, type Span, type Tracing } from "../telemetry/tracing.ts";
import { problemOf, sendProblem, statusOf } from "./problem.ts";

/** How a request was answered. */
export interface Answer {
  /** The route's pattern; undefined if none matched. */
  readonly route: string | undefined;
  readonly method: string;
  readonly status: number;
  /** From arrival until the answer was ready to be sent. */
  readonly seconds: number;
}

export interface AppOptions {
  readonly routers: readonly Router[];
  readonly logger: Logger;
  /** For metrics; must not throw. */
  readonly onAnswer?: (answer: Answer) => void;
  /** Each request is a span, except the questions of machines that watch (UNTRACED). Default: nothing is traced. */
  readonly tracing?: Tracing;
}

const UNTRACED = new Set(["/livez", "/readyz", "/metrics", "/health"]);

/** A Koa application of these routers. Whatever a route throws becomes a problem; only a 5xx is logged. */
export function createApp(options: AppOptions): Koa {
  const { routers, logger, onAnswer, tracing = noTracing } = options;
  const app = new Koa();
  // What reaches this happened after the answer was begun: mostly clients that went away.
  app.on("error", (error: unknown) => logger.debug({ err: error }, "answer could not be sent"));
  app.use(async (ctx, next) => {
    const started = performance.now();
    ctx.set("Request-Id", randomUUID());
    ctx.set("X-Content-Type-Options", "nosniff");
    if (UNTRACED.has(ctx.path)) await answer(ctx, next, logger);
    else {
      await tracing.span(ctx.method, { kind: "server", parent: ctx.get("traceparent") }, async (span) => {
        await answer(ctx, next, logger);
        describe(span, ctx);
      });
    }
    onAnswer?.({
      route: routeOf(ctx),
      method: ctx.method,
      status: ctx.status,
      seconds: (performance.now() - started) / 1000,
    });
  });
  for (const router of routers) app.use(router.routes());
  app.use(refuseUnknown);
  return app;
}

async function answer(ctx: Context, next: Next, logger: Logger): Promise<void> {
  try {
    await next();
  } catch (error) {
    const problem = problemOf(error);
    const fields = { err: error, requestId: ctx.response.get("Request-Id"), route: routeOf(ctx) };
    if (problem.code === "internal") logger.error(fields, "request failed");
    else if (statusOf(problem.code) >= 500) logger.warn(fields, "request could not be served");
    if (ctx.headerSent) ctx.res.destroy();
    else sendProblem(ctx, problem);
  }
}

/** Names as in OpenTelemetry's conventions for HTTP. */
function describe(span: Span, ctx: Context): void {
  const route = routeOf(ctx);
  if (route !== undefined) span.rename(`${ctx.method} ${route}`);
  span.set({
    "http.request.method": ctx.method,
    "http.response.status_code": ctx.status,
    ...(route !== undefined && { "http.route": route }),
  });
  if (ctx.status >= 500) span.failed(`answered ${ctx.status}`);
}

/** The layers a router found for the path, whatever their methods. */
interface Matched {
  readonly matched?: readonly { readonly path: string | RegExp; readonly methods: readonly string[] }[];
}

function refuseUnknown(ctx: Context & Matched): void {
  const methods = new Set(ctx.matched?.flatMap((layer) => layer.methods));
  if (methods.size === 0) throw new AlertCastError("not-found", "There is no resource at this path.");
  const allowed = [...methods].sort().join(", ");
  ctx.set("Allow", allowed);
  sendProblem(ctx, { code: "method-not-allowed", detail: `This path takes ${allowed}.` });
}

function routeOf(ctx: Context & Matched): string | undefined {
  const layer = ctx.matched?.find((candidate) => candidate.methods.length > 0);
  return layer === undefined ? undefined : String(layer.path);
}
