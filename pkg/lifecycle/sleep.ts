// Decides nothing: waits. The form in which services take time, so that tests need not wait.
import { setTimeout } from "node:timers/promises";

/** Resolves after `ms`, or at once when aborted. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** The real one. */
export const sleep: Sleep = async (ms, signal) => {
  try {
    await setTimeout(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};
