// Decides how the HTTP door answers: 202 only for what the log has acknowledged, and which event was refused and why.
import Router, { type RouterContext } from "@koa/router";
import { AlertCastError, hasCode } from "../errors.ts";
import { readBody } from "../http/body.ts";
import { createByteBudget } from "../http/byte-budget.ts";
import { problemOf, sendProblem, statusOf } from "../http/problem.ts";
import type { Metrics } from "../telemetry/catalogue.ts";
import { type BodyFormat, type Intake, readIntake } from "./intake.ts";
import type { Publisher } from "./publisher.ts";

export interface IngestLimits {
  /** A request's body as sent. */
  readonly bodyBytes: number;
  /** A request's body after decompression. */
  readonly inflatedBytes: number;
  readonly eventBytes: number;
  /** Events in one request. */
  readonly events: number;
  /** Errors listed in one answer; the counts are of all. */
  readonly errors: number;
  /** Bytes of all requests that are not answered yet. */
  readonly inFlightBytes: number;
}

export const DEFAULT_LIMITS: IngestLimits = {
  bodyBytes: 5 * 1024 * 1024,
  inflatedBytes: 20 * 1024 * 1024,
  eventBytes: 256 * 1024,
  events: 100_000,
  errors: 1000,
  inFlightBytes: 64 * 1024 * 1024,
};

const FORMATS: ReadonlyMap<string, BodyFormat> = new Map([
  ["application/json", "json"],
  ["application/x-ndjson", "ndjson"],
  ["application/ndjson", "ndjson"],
]);
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export interface RoutesOptions {
  readonly publisher: Publisher;
  readonly metrics: Metrics;
  readonly limits: IngestLimits;
}

/** `POST /api/v1/events`. */
export function createIngestRouter(options: RoutesOptions): Router {
  const { publisher, metrics, limits } = options;
  const inFlight = createByteBudget(limits.inFlightBytes);
  const router = new Router();
  router.post("/api/v1/events", async (ctx) => {
    const observe = metrics.ingestDuration.startTimer({ source: "http" });
    let status = 500;
    try {
      const format = formatOf(ctx.get("Content-Type"));
      using lease = inFlight.lease();
      const body = await readBody(ctx.req, { rawBytes: limits.bodyBytes, inflatedBytes: limits.inflatedBytes }, lease);
      const intake = readIntake(body, format, limits);
      countOffered(metrics, intake);
      await take(ctx, intake, publisher);
      metrics.eventsAccepted.inc({ source: "http" }, intake.valid.length);
      status = ctx.status;
    } catch (error) {
      status = statusOf(problemOf(error).code);
      throw error;
    } finally {
      observe({ class: `${Math.floor(status / 100)}xx` });
    }
  });
  return router;
}

/** Appends what is valid and answers. */
async function take(ctx: RouterContext, intake: Intake, publisher: Publisher): Promise<void> {
  const { valid, rejected, errors } = intake;
  if (valid.length === 0) {
    refuseAll(ctx, intake);
    return;
  }
  const traceparent = ctx.get("traceparent");
  try {
    await publisher.publish(valid, TRACEPARENT.test(traceparent) ? traceparent : undefined);
  } catch (cause) {
    if (!hasCode(cause, "unavailable")) throw cause;
    const detail =
      "The log did not confirm these events, so it is unknown which of them were written. Send them again with the same event_id.";
    throw new AlertCastError("unavailable", detail, { cause });
  }
  ctx.status = 202;
  ctx.body = { accepted: valid.length, rejected, errors };
}

function refuseAll(ctx: RouterContext, intake: Intake): void {
  const { rejected, errors, rejectedByCode } = intake;
  const code = rejected > 0 && rejectedByCode.get("too-large") === rejected ? "too-large" : "invalid";
  const detail =
    rejected === 0 ? "The body holds no event." : "The body holds no valid event; errors says what is wrong with each.";
  sendProblem(ctx, { code, detail, errors, members: { accepted: 0, rejected } });
}

function countOffered(metrics: Metrics, intake: Intake): void {
  metrics.eventsReceived.inc({ source: "http" }, intake.valid.length + intake.rejected);
  for (const [code, count] of intake.rejectedByCode) metrics.eventsRejected.inc({ source: "http", code }, count);
}

function formatOf(contentType: string): BodyFormat {
  const [type = "", ...parameters] = contentType
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  const format = FORMATS.get(type);
  if (format === undefined)
    throw new AlertCastError("unsupported-media", `Content-Type must be ${[...FORMATS.keys()].join(", ")}`);
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice("charset=".length);
  if (charset !== undefined && !["utf-8", '"utf-8"', "us-ascii"].includes(charset))
    throw new AlertCastError("unsupported-media", "the charset must be utf-8");
  return format;
}
