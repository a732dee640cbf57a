import { expect, test } from "vitest";
import { operatorConfig } from "./operator.ts";

test("an empty environment is enough", () => {
  expect(operatorConfig({})).toEqual({
    logLevel: "info",
    metricsPort: 9464,
    namespace: undefined,
    lease: "alertcast-operator",
    podName: undefined,
    security: { tls: undefined, sasl: undefined },
  });
});

test("what the chart sets is taken", () => {
  const env = {
    OPERATOR_NAMESPACE: "alertcast",
    OPERATOR_LEASE: "shop-operator",
    POD_NAME: "shop-operator-0",
    KAFKA_BROKER: "kafka:9093",
    KAFKA_SSL_CA_FILE: "/ca/ca.crt",
  };
  expect(operatorConfig(env)).toMatchObject({
    namespace: "alertcast",
    lease: "shop-operator",
    podName: "shop-operator-0",
    security: { tls: { caFile: "/ca/ca.crt" } },
  });
});

test("a Lease that cannot be called so is refused by its variable", () => {
  expect(() => operatorConfig({ OPERATOR_LEASE: "My Lease" })).toThrow("OPERATOR_LEASE must be");
});
