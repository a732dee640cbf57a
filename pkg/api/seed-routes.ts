// The routes of the original system: bodies, key order and content types are fixed for good; new facts go into headers.
import Router from "@koa/router";
import type { LiveCounts } from "../count/counts.ts";
import type { Metrics } from "../telemetry/catalogue.ts";
import { totalOf } from "../ticket/counts.ts";
import type { TicketReader } from "../ticket/read.ts";
import { presentRecent } from "./present.ts";
import { checkQuery, readLimit } from "./query.ts";
import { refuse } from "./refuse.ts";
import { readStats } from "./stats.ts";

export interface SeedDeps {
  readonly reader: TicketReader;
  /** undefined = there are none: PostgreSQL answers. */
  readonly live: LiveCounts | undefined;
  readonly metrics: Pick<Metrics, "statsServed">;
  readonly now: () => Date;
}

/** /health, /tickets/recent and /stats. Parameters that the original did not know are ignored, as it did. */
export function seedRouter({ reader, live, metrics, now }: SeedDeps): Router {
  const router = new Router();
  router.get("/health", (ctx) => {
    ctx.set("Cache-Control", "no-store");
    ctx.body = { status: "ok", time: now().toISOString() };
  });
  router.get("/tickets/recent", async (ctx) => {
    const limit = checkQuery(ctx.querystring, undefined, readLimit);
    if (!limit.ok) return refuse(ctx, limit.errors);
    ctx.set("Cache-Control", "no-store");
    ctx.body = (await reader.recent(limit.value)).map(presentRecent);
  });
  router.get("/stats", async (ctx) => {
    const { counts, source, ageMs } = await readStats(live, reader);
    metrics.statsServed.inc({ source });
    ctx.set("Cache-Control", "no-store");
    ctx.set("AlertCast-Stats-Source", source);
    ctx.set("AlertCast-Stats-Age", String(Math.floor(ageMs / 1000)));
    ctx.body = {
      critical: totalOf(counts, "critical"),
      high: totalOf(counts, "high"),
      medium: totalOf(counts, "medium"),
      low: totalOf(counts, "low"),
    };
  });
  return router;
}
