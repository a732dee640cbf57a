import { expect, test } from "vitest";
import { noTracing, parseTraceparent } from "./tracing.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

test("a W3C traceparent is read with its sampling flag", () => {
  expect(parseTraceparent(`00-${TRACE}-${SPAN}-01`)).toEqual({ traceId: TRACE, spanId: SPAN, sampled: true });
  expect(parseTraceparent(`00-${TRACE}-${SPAN}-00`)).toEqual({ traceId: TRACE, spanId: SPAN, sampled: false });
  expect(parseTraceparent(`cc-${TRACE}-${SPAN}-03`)).toMatchObject({ sampled: true });
});

test.each([
  undefined,
  "",
  "not a trace",
  `00-${"0".repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${"0".repeat(16)}-01`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-01-more`,
])("%j is no traceparent", (text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});

test("without a tracer work is done at once, with nothing to pass on, and its failure comes through", async () => {
  const order: string[] = [];
  const done = noTracing.span("a", { kind: "client" }, async (span) => {
    order.push("work");
    return span.traceparent;
  });
  order.push("after");
  expect(order).toEqual(["work", "after"]);
  expect(await done).toBeUndefined();
  await expect(noTracing.span("a", { kind: "client" }, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(noTracing.enabled).toBe(false);
});
