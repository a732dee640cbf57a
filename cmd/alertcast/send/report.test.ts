import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Report, type ReportOptions } from "./report.ts";

beforeEach(() => {
  // The bar has a timer and a clock of its own.
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

let nowMs = 0;

function create(options: Partial<ReportOptions> = {}) {
  nowMs = 0;
  const stderr = Object.assign(new PassThrough(), { isTTY: options.isTerminal === true, columns: 200 });
  const report = new Report({
    stderr,
    isTerminal: false,
    quiet: false,
    dryRun: false,
    totalBytes: 200,
    readBytes: () => 50,
    everyMs: 10_000,
    elapsedMs: () => nowMs,
    fromLine: 1,
    ...options,
  });
  return { report, said: () => String(stderr.read() ?? "") };
}

/** The clock of the report and the timers go on together. */
function pass(ms: number): void {
  nowMs += ms;
  vi.advanceTimersByTime(ms);
}

const batch = (...lines: number[]) => lines.map((line) => ({ line, event: Buffer.from("{}") }));
const accepted = (count: number) => ({ accepted: count, rejected: 0, refusals: [] });

test("where stderr is no terminal, a line of progress comes every 10 s and no control character", () => {
  const { report, said } = create();
  report.answered(batch(1, 2), accepted(2));
  pass(9999);
  expect(said()).toBe("");
  pass(1);
  expect(said()).toBe("25 %, sent 2, accepted 2, rejected 0, retried 0, 0/s\n");
  report.answered(batch(...Array.from({ length: 98 }, (_, i) => i + 3)), accepted(98));
  pass(10_000);
  expect(said()).toBe("25 %, sent 100, accepted 100, rejected 0, retried 0, 5/s\n");
  report.summary();
  expect(said()).toBe("sent 100, accepted 100, rejected 0, retried 0 in 20.0 s\n");
  pass(60_000);
  expect(said()).toBe("");
});

test("a line of progress names no share of an input whose length is not known", () => {
  const { report, said } = create({ totalBytes: undefined });
  pass(10_000);
  expect(said()).toBe("sent 0, accepted 0, rejected 0, retried 0, 0/s\n");
  report.summary();
});

test("a terminal has a bar with share and counts, and the summary comes on a line of its own below it", () => {
  const { report, said } = create({ isTerminal: true });
  report.answered(batch(1, 2), accepted(2));
  pass(1000);
  expect(said()).toMatch(/25% \| 2\/s \| ETA .* \| sent 2, accepted 2/);
  report.answered(batch(3), accepted(1));
  report.summary();
  const last = said();
  expect(last).toContain("| sent 3, accepted 3");
  expect(last).toMatch(/\nsent 3, accepted 3, rejected 0, retried 0 in 1\.0 s\n$/);
  pass(60_000);
  expect(said()).toBe("");
});

test("an error is not written into the bar: the bar's line is cleared before it", () => {
  const { report, said } = create({ isTerminal: true });
  said();
  report.reject(7, "temperature", "is not a number");
  expect(said()).toBe("\r\u001b[2Kline 7: temperature: is not a number\n");
  report.summary();
});

test("a terminal whose input has no known length has counts without a share", () => {
  const { report, said } = create({ isTerminal: true, totalBytes: undefined });
  report.answered(batch(1), accepted(1));
  pass(1000);
  const text = said();
  expect(text).toContain("sent 1, accepted 1");
  expect(text).not.toContain("%");
  report.summary();
});

test.each([false, true])(
  "quiet leaves out the progress, and neither errors nor the summary (terminal: %s)",
  (isTerminal) => {
    const { report, said } = create({ isTerminal, quiet: true });
    pass(60_000);
    expect(said()).toBe("");
    report.reject(3, "", "is too long");
    report.summary();
    expect(said()).toBe("line 3: is too long\nsent 0, accepted 0, rejected 1, retried 0 in 60.0 s\n");
  },
);
