// Bounded waiting for the adapters of the log. Decides nothing; every wait here ends by itself.

import { AlertCastError } from "../errors.ts";

/** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

/**
 * What `work` gives, unless that takes longer than `ms`: then throws `unavailable` naming `what`. The work itself is not
 * stopped; its late failure is ignored.
 */
export function within<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new AlertCastError("unavailable", `${what} did not finish within ${ms} ms`));
    }, ms);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** Waits for `work` at most `ms` milliseconds and tells whether it succeeded by then. Never rejects. */
export async function settled(work: Promise<unknown>, ms: number): Promise<boolean> {
  return within(work, ms, "work").then(
    () => true,
    () => false,
  );
}
