import { expect, test } from "vitest";
import { Pending } from "./pending.ts";

const traceparent = (n: number, flags = "01") =>
  `00-${"a".repeat(24)}${String(n).padStart(8, "0")}-${"b".repeat(16)}-${flags}`;

test("recorded traces are noted once each, from the first on, and not more than 64", () => {
  const pending = new Pending(0);
  pending.addTrace("nonsense", 1);
  pending.addTrace(traceparent(0, "00"), 2);
  expect(pending.traces.size).toBe(0);
  expect(pending.startedMs).toBeNaN();
  for (let n = 1; n <= 100; n++) {
    pending.addTrace(traceparent(n), 10 + n);
    pending.addTrace(traceparent(n), 10 + n);
  }
  expect(pending.startedMs).toBe(11);
  expect([...pending.traces]).toEqual(Array.from({ length: 64 }, (_, i) => traceparent(i + 1)));
});
