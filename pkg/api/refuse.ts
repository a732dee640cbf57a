// Answers a query that cannot be served: 400 with every fault named.
import type { Context } from "koa";
import { sendProblem } from "../http/problem.ts";
import type { Fault } from "./query.ts";

/** A query of nothing but faults must not become an answer many times its size. */
const MAX_FAULTS = 20;

/** @param all at least one; the first few are named */
export function refuse(ctx: Context, all: readonly Fault[]): void {
  const errors = all.slice(0, MAX_FAULTS);
  const detail = errors.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`)).join("; ");
  sendProblem(ctx, { code: "invalid", detail: `${detail}.`, errors });
}
