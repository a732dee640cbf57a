// Tries again what failed because a dependency was away; anything else is thrown at once.
import { AlertCastError, hasCode } from "../errors.ts";
import type { Logger } from "../telemetry/logger.ts";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;

/** Waits, at most until aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/**
 * Runs `work` until it succeeds, with growing pauses while it throws `unavailable`.
 * @throws what else `work` throws; `unavailable` when aborted
 */
export async function withRetries<T>(
  deps: { readonly logger: Logger },
  signal: AbortSignal,
  what: string,
  work: () => Promise<T>,
  onFailure?: () => void,
): Promise<T> {
  let pauseMs = FIRST_PAUSE_MS;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!hasCode(error, "unavailable") && !hasCode(error, "throttled")) throw error;
      onFailure?.();
      if (signal.aborted) throw new AlertCastError("unavailable", `${what} given up: stopping`, { cause: error });
      if (attempt === 1 || attempt % 20 === 0) {
        deps.logger.warn({ what, attempt, err: error }, "dependency away, trying again");
      }
    }
    await pause(pauseMs, signal);
    if (signal.aborted) throw new AlertCastError("unavailable", `${what} given up: stopping`);
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
  }
}
