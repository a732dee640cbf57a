import { expect, test } from "vitest";
import { runTasks, type Task } from "./run-tasks.ts";
import { sleep } from "./sleep.ts";

const untilAborted: Task = (signal) =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve());
  });
const never = new AbortController().signal;

test("the first task that ends ends all", async () => {
  await runTasks([untilAborted, async () => {}, untilAborted], never);
});

test("a failed task ends all and its error is the result", async () => {
  const fault = new Error("port is taken");
  const failing = async () => {
    throw fault;
  };
  await expect(runTasks([untilAborted, failing, untilAborted], never)).rejects.toBe(fault);
});

test("an abort from outside ends all without an error", async () => {
  const outside = new AbortController();
  const running = runTasks([untilAborted, (signal) => sleep(1e9, signal)], outside.signal);
  outside.abort();
  await running;
});

test("tasks started after the abort see it", async () => {
  await runTasks(
    [async (signal) => expect(signal.aborted).toBe(true), (signal) => sleep(1e9, signal)],
    AbortSignal.abort(),
  );
});

test("a task that rejects with the abort itself has ended, one that fails while ending has failed", async () => {
  const outside = new AbortController();
  const impatient: Task = async (signal) => {
    await untilAborted(signal);
    signal.throwIfAborted();
  };
  const clean = runTasks([impatient], outside.signal);
  const failing: Task = async (signal) => {
    await untilAborted(signal);
    throw new Error("rollback failed");
  };
  const dirty = runTasks([impatient, failing], outside.signal);
  outside.abort();
  await clean;
  await expect(dirty).rejects.toThrow("rollback failed");
});

test("several failures are all reported", async () => {
  const failing = (message: string) => async () => {
    throw new Error(message);
  };
  await expect(runTasks([failing("a"), failing("b")], never)).rejects.toMatchObject({
    errors: [new Error("a"), new Error("b")],
  });
});
