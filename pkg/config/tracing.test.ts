import { expect, test } from "vitest";
import { tracingConfig, wantsTraces } from "./tracing.ts";

test("traces are wanted where they have somewhere to go, unless they are switched off", () => {
  expect(wantsTraces({})).toBe(false);
  expect(wantsTraces({ OTEL_EXPORTER_OTLP_ENDPOINT: "" })).toBe(false);
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://jaeger:4318" };
  expect(wantsTraces(endpoint)).toBe(true);
  expect(wantsTraces({ ...endpoint, OTEL_SDK_DISABLED: "True" })).toBe(false);
});

test("every trace is kept under the component's name unless told otherwise", () => {
  expect(tracingConfig({}, "api")).toEqual({
    sampler: "parentbased_always_on",
    ratio: 1,
    serviceName: "alertcast-api",
    sendEveryMs: 5_000,
  });
  const env = {
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.1",
    OTEL_SERVICE_NAME: "mine",
  };
  expect(tracingConfig(env, "api")).toMatchObject({
    sampler: "parentbased_traceidratio",
    ratio: 0.1,
    serviceName: "mine",
  });
});

test("a malformed variable is named", () => {
  expect(() => tracingConfig({ OTEL_TRACES_SAMPLER: "some", OTEL_TRACES_SAMPLER_ARG: "2" }, "api")).toThrow(
    /OTEL_TRACES_SAMPLER must be .*OTEL_TRACES_SAMPLER_ARG must be/,
  );
});
