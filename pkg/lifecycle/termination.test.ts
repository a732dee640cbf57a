import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { onTermination } from "./termination.ts";

class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("the first signal aborts and does not exit", () => {
  const source = new FakeProcess();
  using termination = onTermination({ source });
  source.emit("SIGTERM");
  expect(termination.signal.aborted).toBe(true);
  expect(source.exits).toEqual([]);
});

test("the second signal, of either kind, exits at once", () => {
  const source = new FakeProcess();
  const causes: string[] = [];
  using _termination = onTermination({ source, onForced: (cause) => causes.push(cause) });
  source.emit("SIGTERM");
  source.emit("SIGINT");
  expect(source.exits).toEqual([1]);
  expect(causes).toEqual(["second signal"]);
});

test("a process that has not ended 25 s after the signal is ended", () => {
  const source = new FakeProcess();
  using _termination = onTermination({ source });
  source.emit("SIGINT");
  vi.advanceTimersByTime(24_999);
  expect(source.exits).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(source.exits).toEqual([1]);
});

test("once disposed it neither listens nor exits", () => {
  const source = new FakeProcess();
  const termination = onTermination({ source });
  source.emit("SIGTERM");
  termination[Symbol.dispose]();
  vi.advanceTimersByTime(60_000);
  expect(source.exits).toEqual([]);
  expect(source.listenerCount("SIGTERM") + source.listenerCount("SIGINT")).toBe(0);
});
