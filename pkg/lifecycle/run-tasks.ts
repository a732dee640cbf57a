// Decides when the tasks of a process end: together. Never touches a signal of the operating system (termination.ts does).

/** Runs until it has nothing left to do, or until aborted, which is a normal end: it then resolves. */
export type Task = (signal: AbortSignal) => Promise<void>;

/**
 * Runs all tasks; the end of the first, or `signal`, aborts the others. Resolves when all have ended.
 * Rejects with the first failure after all have ended, or with an AggregateError when several failed.
 */
export async function runTasks(tasks: readonly Task[], signal: AbortSignal): Promise<void> {
  const first = new AbortController();
  const ending = AbortSignal.any([signal, first.signal]);
  const failures: unknown[] = [];
  const run = async (task: Task) => {
    try {
      await task(ending);
    } catch (error) {
      if (!(ending.aborted && isAbort(error))) failures.push(error);
    } finally {
      first.abort();
    }
  };
  await Promise.all(tasks.map(run));
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, "several tasks failed");
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
