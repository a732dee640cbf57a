// Waits for conditions, never for time: every test that waits does it here, with a deadline and a name for what it waits for.
import { setTimeout as pause } from "node:timers/promises";

export interface WaitOptions {
  /** What should come true, as the end of "waited 60 s for ...". */
  readonly what: string;
  /** Milliseconds until the wait is given up; 60,000 unless told (machines are slow and noisy). */
  readonly deadlineMs?: number;
}

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 500;

/**
 * Asks `condition` again and again, with growing pauses, until it returns something truthy, and returns that.
 * A condition that throws has not come true yet; its last error is part of the error that is thrown at the deadline.
 */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions): Promise<NonNullable<T>> {
  const deadlineMs = options.deadlineMs ?? 60_000;
  const endAtMs = performance.now() + deadlineMs;
  let pauseMs = FIRST_PAUSE_MS;
  let lastError: unknown;
  for (;;) {
    const answer = await ask(condition, endAtMs);
    if (answer.value) return answer.value;
    if (answer.error !== undefined) lastError = answer.error;
    if (performance.now() + pauseMs >= endAtMs) throw failure(options.what, deadlineMs, lastError);
    await pause(pauseMs);
    pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS);
  }
}

interface Answer<T> {
  readonly value?: T;
  readonly error?: unknown;
}

async function ask<T>(condition: () => T | Promise<T>, endAtMs: number): Promise<Answer<T>> {
  const giveUp = new AbortController();
  const late = pause(Math.max(0, endAtMs - performance.now()), undefined, { signal: giveUp.signal }).then(
    () => ({ error: new Error("the condition itself did not answer") }),
    () => ({}),
  );
  try {
    return await Promise.race([Promise.resolve(condition()).then((value) => ({ value })), late]);
  } catch (error) {
    return { error };
  } finally {
    giveUp.abort();
  }
}

function failure(what: string, deadlineMs: number, cause: unknown): Error {
  const reason = cause === undefined ? "" : `; last error: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new Error(`waited ${deadlineMs / 1000} s for ${what}: it did not happen${reason}`, { cause });
}
