// Decides what an answer of the ingestor means: taken, refused event by event, to be sent again, or hopeless.
// Never gives up a batch while it may still be taken in time, and always sends the very same bytes again.
import { messageOf } from "../../../pkg/errors.ts";
import type { Sleep } from "../../../pkg/lifecycle/sleep.ts";
import { isMapping } from "../../../pkg/rule/rule-section.ts";
import { CommandFailure, EXIT, type ExitCode } from "../exit.ts";
import type { Row } from "./rows.ts";

/** One refused event of a batch. */
export interface Refusal {
  readonly line: number;
  /** "" when it is the whole event. */
  readonly field: string;
  readonly message: string;
}

export interface Answer {
  readonly accepted: number;
  readonly rejected: number;
  /** Of the rejected ones as many as the ingestor lists. */
  readonly refusals: readonly Refusal[];
}

/** Hands a batch over and says what became of each event. */
export type Deliver = (batch: readonly Row[]) => Promise<Answer>;

export interface DoorOptions {
  /** The ingestor's address, with a trailing slash. */
  readonly url: URL;
  /** How long one batch is sent again and again, ms; 0 = never again. */
  readonly giveUpAfterMs: number;
  /** Once aborted, nothing is sent again. */
  readonly stopping: AbortSignal;
  /** Once aborted, the request in flight is cut. */
  readonly cut: AbortSignal;
  /** Told before each time a batch is sent again. */
  readonly onRetry: (reason: string, waitMs: number) => void;
  readonly sleep: Sleep;
  /** Milliseconds of a clock that never goes back. */
  readonly elapsedMs: () => number;
}

type Reply =
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "again"; readonly reason: string; readonly afterMs: number | undefined }
  | { readonly kind: "split" };

const REQUEST_TIMEOUT_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const SHORTEST_PAUSE_MS = 100;
/** Statuses that may be otherwise the next time; so may all from 500 on. */
const PASSING = [408, 425, 429];

/**
 * The HTTP door of an ingestor. Rejects with CommandFailure: unreachable when it gives up, interrupted when it was
 * stopped before the batch was taken, usage for a port that HTTP never connects to, notFound and notAllowed by status, failed for an answer no ingestor gives.
 */
export function httpDoor(options: DoorOptions): Deliver {
  const { giveUpAfterMs, stopping, sleep, elapsedMs, onRetry } = options;
  const deliver: Deliver = async (batch) => {
    const startedMs = elapsedMs();
    for (let attempt = 0; ; attempt++) {
      const reply = await post(batch, options);
      if (reply.kind === "answer") return reply.answer;
      if (reply.kind === "split") {
        const middle = Math.ceil(batch.length / 2);
        return sum(await deliver(batch.slice(0, middle)), await deliver(batch.slice(middle)));
      }
      throwIfStopping(stopping);
      const waitMs = Math.max(SHORTEST_PAUSE_MS, reply.afterMs ?? pauseMs(attempt));
      if (elapsedMs() - startedMs + waitMs > giveUpAfterMs)
        throw new CommandFailure(EXIT.unreachable, `gave up: ${reply.reason}${askedFor(reply.afterMs)}`);
      onRetry(reply.reason, waitMs);
      await sleep(waitMs, stopping);
      throwIfStopping(stopping);
    }
  };
  return deliver;
}

function askedFor(waitMs: number | undefined): string {
  return waitMs === undefined ? "" : `; it asks to wait ${Math.ceil(waitMs / 1000)} s`;
}

/** Doubles each time; half of it by chance, so that several senders do not come back together. */
function pauseMs(attempt: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt) * (0.5 + Math.random() / 2);
}

function throwIfStopping(stopping: AbortSignal): void {
  if (stopping.aborted) throw new CommandFailure(EXIT.interrupted, "interrupted");
}

async function post(batch: readonly Row[], options: DoorOptions): Promise<Reply> {
  const { url, cut } = options;
  const body = Buffer.concat(batch.flatMap(({ event }) => [event, LINE_FEED]));
  try {
    const response = await fetch(new URL("api/v1/events", url), {
      method: "POST",
      headers: { "Content-Type": "application/x-ndjson" },
      body,
      redirect: "manual",
      signal: AbortSignal.any([cut, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    });
    return readReply(response, await response.text(), batch, url);
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    if (isBlockedPort(error)) throw blockedPort(url);
    return { kind: "again", reason: `cannot reach ${url.origin} (${networkReason(error)})`, afterMs: undefined };
  }
}

const LINE_FEED = Buffer.from("\n");

/** Ports of other protocols (the Fetch standard lists them) are never connected to, however often it is tried. */
function isBlockedPort(error: unknown): boolean {
  return error instanceof Error && isMapping(error.cause) && error.cause.message === "bad port";
}

function blockedPort(url: URL): CommandFailure {
  return new CommandFailure(EXIT.usage, `--url ${url.origin}: port ${url.port} is closed to HTTP clients`, {
    remedy: "it belongs to another protocol by the Fetch standard; let the ingestor listen on another (INGEST_PORT)",
  });
}

/** undici says only "fetch failed"; what failed is in its cause. */
function networkReason(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${REQUEST_TIMEOUT_MS / 1000} s`;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (isMapping(cause) && typeof cause.code === "string") return cause.code;
  return messageOf(cause);
}

function readReply(response: Response, text: string, batch: readonly Row[], url: URL): Reply {
  const { status, headers } = response;
  const body = parseJson(text);
  const answer = readAnswer(body, batch);
  const isWhole = answer !== undefined && answer.accepted + answer.rejected === batch.length;
  if ((status === 202 || status === 400 || status === 413) && isWhole) return { kind: "answer", answer };
  const detail = isMapping(body) && typeof body.detail === "string" ? `: ${body.detail}` : "";
  const reason = `${url.origin} answers ${status}${detail}`;
  if (status >= 500 || PASSING.includes(status)) return { kind: "again", reason, afterMs: retryAfterMs(headers) };
  if (status === 413) {
    if (batch.length > 1) return { kind: "split" };
    const message = `the event is too large for ${url.origin}`;
    return { kind: "answer", answer: { accepted: 0, rejected: 1, refusals: refusalsAt(batch, 0, "", message) } };
  }
  throw new CommandFailure(exitOf(status), reason, { remedy: remedyOf(status) });
}

function readAnswer(body: unknown, batch: readonly Row[]): Answer | undefined {
  if (!isMapping(body)) return undefined;
  const { accepted, rejected, errors } = body;
  if (typeof accepted !== "number" || typeof rejected !== "number") return undefined;
  const refusals = (Array.isArray(errors) ? (errors as readonly unknown[]) : []).flatMap((error) =>
    isMapping(error) && typeof error.index === "number"
      ? refusalsAt(batch, error.index, String(error.field ?? ""), String(error.message ?? error.code ?? "refused"))
      : [],
  );
  return { accepted, rejected, refusals };
}

function refusalsAt(batch: readonly Row[], index: number, field: string, message: string): Refusal[] {
  const row = batch[index];
  return row === undefined ? [] : [{ line: row.line, field, message }];
}

function sum(a: Answer, b: Answer): Answer {
  return {
    accepted: a.accepted + b.accepted,
    rejected: a.rejected + b.rejected,
    refusals: [...a.refusals, ...b.refusals],
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not an ingestor's answer: what that means is decided by the status.
  }
}

/** Seconds or an HTTP date, the latter against the server's own clock. */
function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get("Retry-After");
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const waitMs = Date.parse(value) - Date.parse(headers.get("Date") ?? "");
  return Number.isNaN(waitMs) ? undefined : waitMs;
}

function exitOf(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.notAllowed;
  return status === 404 || status === 405 ? EXIT.notFound : EXIT.failed;
}

function remedyOf(status: number): string {
  if (status === 401 || status === 403) return "the ingestor, or a proxy before it, does not let this sender in";
  return "is this the ingestor's address? it serves POST /api/v1/events (--url or ALERTCAST_URL; INGEST_PORT, 8081 unless set)";
}
