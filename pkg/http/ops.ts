// Decides what /livez, /readyz and /metrics say. Liveness never asks a dependency, readiness does.
import Router, { type RouterContext } from "@koa/router";
import type { Registry } from "prom-client";
import { sendProblem } from "./problem.ts";

/** Looks at something that is already known, without I/O: true, or what is missing, for people. */
export type Check = () => true | string;
export type Checks = Readonly<Record<string, Check>>;

export interface OpsOptions {
  /** What must be there to serve requests, by name. */
  readonly ready: Checks | (() => Checks);
  /** What shows that the process itself still works, by name. Default: that it answers. */
  readonly live?: Checks;
  readonly registry: Registry;
}

/** A router for the people and machines that run the service. A failed check answers 503 with a problem naming it. */
export function createOpsRouter(options: OpsOptions): Router {
  const { ready, live = {}, registry } = options;
  const router = new Router();
  router.get("/livez", (ctx) => report(ctx, "ok", live));
  router.get("/readyz", (ctx) => report(ctx, "ready", typeof ready === "function" ? ready() : ready));
  router.get("/metrics", async (ctx) => {
    const text = await registry.metrics();
    ctx.set("Content-Type", registry.contentType);
    ctx.body = text;
  });
  return router;
}

function report(ctx: RouterContext, status: string, checks: Checks): void {
  const errors = Object.entries(checks).flatMap(([field, check]) => {
    const result = check();
    return result === true ? [] : [{ field, code: "unavailable", message: result }];
  });
  ctx.set("Cache-Control", "no-store");
  if (errors.length === 0) ctx.body = { status };
  else
    sendProblem(ctx, {
      code: "unavailable",
      detail: `Missing: ${errors.map(({ field }) => field).join(", ")}.`,
      errors,
    });
}
