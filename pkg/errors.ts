// The one error class of AlertCast and its few codes. Adapters translate driver errors into it and keep `cause`.

/**
 * - `invalid`: the caller's input is wrong (HTTP 400)
 * - `not-found`: there is no such thing (404)
 * - `conflict`: the state forbids it (409)
 * - `too-large`: over a stated limit (413)
 * - `unsupported-media`: a content type or encoding we do not read (415)
 * - `throttled`: too much at once; try again later (429)
 * - `unavailable`: a dependency does not answer; try again later (503)
 * - `fenced`: another writer owns the partition; this one must stop writing it
 * - `halted`: the log and the stored offsets do not belong together; a person has to look
 * - `internal`: a broken promise of our own code (500)
 */
export type ErrorCode =
  | "invalid"
  | "not-found"
  | "conflict"
  | "too-large"
  | "unsupported-media"
  | "throttled"
  | "unavailable"
  | "fenced"
  | "halted"
  | "internal";

export class AlertCastError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "AlertCastError";
    this.code = code;
  }
}

/** True if `error` is an AlertCastError with this code. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof AlertCastError && error.code === code;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
