// Decides how an error looks to a client: the one place that maps codes to HTTP statuses (RFC 9457 problem details).
// Never shows a stack, a cause, or any word of an error that is not ours.
import type { ParameterizedContext } from "koa";
import { AlertCastError, type ErrorCode } from "../errors.ts";

export type ProblemCode = Exclude<ErrorCode, "fenced" | "halted"> | "method-not-allowed" | "request-timeout";

const PROBLEMS: Readonly<Record<ProblemCode, { readonly status: number; readonly title: string }>> = {
  invalid: { status: 400, title: "The request is not valid" },
  "not-found": { status: 404, title: "There is no such thing" },
  "method-not-allowed": { status: 405, title: "This method is not offered here" },
  "request-timeout": { status: 408, title: "The request took too long to arrive" },
  conflict: { status: 409, title: "The present state does not allow this" },
  "too-large": { status: 413, title: "The request is too large" },
  "unsupported-media": { status: 415, title: "This content type or encoding is not read here" },
  throttled: { status: 429, title: "Too much at once" },
  internal: { status: 500, title: "Internal error" },
  unavailable: { status: 503, title: "A service that this needs does not answer" },
};
/** Seconds. */
const RETRY_AFTER: Partial<Record<ProblemCode, number>> = { throttled: 1, unavailable: 5 };
const INTERNAL_DETAIL = "The request failed for a reason that is in the server's log under this request id.";

/** One of several faults of a request. */
export interface ProblemItem {
  /** Which event of a batch, from 0. */
  readonly index?: number;
  /** JSON pointer into the request's body. */
  readonly pointer?: string;
  readonly field?: string;
  readonly code: string;
  readonly message: string;
}

export interface Problem {
  readonly code: ProblemCode;
  /** What is wrong and what to do, for people. */
  readonly detail: string;
  readonly errors?: readonly ProblemItem[];
  /** Further members of the body. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** Seconds; 429 and 503 have one in any case. */
  readonly retryAfter?: number;
}

/** The HTTP status of a problem. */
export function statusOf(code: ProblemCode): number {
  return PROBLEMS[code].status;
}

/** What a client may know of anything that was thrown. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof AlertCastError) || error.code === "internal")
    return { code: "internal", detail: INTERNAL_DETAIL };
  const code = error.code === "fenced" || error.code === "halted" ? "unavailable" : error.code;
  return { code, detail: error.message };
}

/** The body of a problem; `instance` is the request id. */
export function problemBody(problem: Problem, requestId?: string): string {
  const { status, title } = PROBLEMS[problem.code];
  return JSON.stringify({
    type: `/docs/problems/${problem.code}`,
    title,
    status,
    detail: problem.detail,
    instance: requestId,
    code: problem.code,
    errors: problem.errors,
    ...problem.members,
  });
}

/** Answers a request with a problem. */
export function sendProblem(
  ctx: Pick<ParameterizedContext, "status" | "body" | "type" | "set" | "response">,
  problem: Problem,
): void {
  const retryAfter = problem.retryAfter ?? RETRY_AFTER[problem.code];
  ctx.status = statusOf(problem.code);
  if (retryAfter !== undefined) ctx.set("Retry-After", String(retryAfter));
  ctx.set("Cache-Control", "no-store");
  ctx.body = problemBody(problem, ctx.response.get("Request-Id"));
  ctx.type = "application/problem+json";
}
