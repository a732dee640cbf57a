import { expect, test } from "vitest";
import { apiConfig, processorConfig } from "./config.ts";
import { setupConfig } from "./setup.ts";

test("Kafka is plaintext until a user or an authority is named", () => {
  expect(processorConfig({}).kafka.security).toEqual({ tls: undefined, sasl: undefined });
  const env = {
    KAFKA_SASL_USERNAME: "alertcast-processor",
    KAFKA_SASL_PASSWORD_FILE: "/secrets/password",
    KAFKA_SSL_CA_FILE: "/ca/ca.crt",
  };
  expect(processorConfig(env).kafka.security).toEqual({
    tls: { caFile: "/ca/ca.crt" },
    sasl: { mechanism: "scram-sha-512", username: "alertcast-processor", passwordFile: "/secrets/password" },
  });
  expect(processorConfig({ KAFKA_SSL: "true" }).kafka.security.tls).toEqual({ caFile: undefined });
});

test("a Kafka user without a password file is refused by name", () => {
  expect(() => processorConfig({ KAFKA_SASL_USERNAME: "me" })).toThrow(
    "KAFKA_SASL_PASSWORD_FILE must be set when KAFKA_SASL_USERNAME is",
  );
});

test("REDIS_ADDR=none means that there is no Redis", () => {
  expect(apiConfig({ REDIS_ADDR: "none" }).redis).toBeUndefined();
  expect(apiConfig({ REDIS_ADDR: "redis:6380", REDIS_TLS: "true" }).redis).toMatchObject({
    host: "redis",
    port: 6380,
    tls: { caFile: undefined },
  });
});

test("set-up sees to nothing that is not asked for", () => {
  expect(setupConfig({})).toMatchObject({ roles: [], topic: undefined, secrets: {}, deadlineSeconds: 600 });
});

test("set-up takes roles, topic and Secrets from the environment", () => {
  const config = setupConfig({
    SETUP_PROCESSOR_USER: "alertcast_processor",
    SETUP_PROCESSOR_PASSWORD_FILE: "/secrets/processor",
    SETUP_API_USER: "alertcast_api",
    SETUP_API_PASSWORD_FILE: "/secrets/api",
    SETUP_TOPICS: "true",
    TOPIC_REPLICAS: "3",
    SETUP_SECRETS: '{"alertcast-postgresql":["owner","processor"]}',
  });
  expect(config.roles).toEqual([
    { purpose: "processor", name: "alertcast_processor", passwordFile: "/secrets/processor" },
    { purpose: "api", name: "alertcast_api", passwordFile: "/secrets/api" },
  ]);
  expect(config.topic).toMatchObject({ topic: "device_events", replicas: 3, retentionMs: 604_800_000 });
  expect(config.secrets).toEqual({ "alertcast-postgresql": ["owner", "processor"] });
});

test.each(["[]", "{", '{"a":"b"}', '{"a":[]}', '{"UPPER":["k"]}', '{"a":["k/"]}', "null"])(
  "%s is no list of Secrets",
  (text) => {
    expect(() => setupConfig({ SETUP_SECRETS: text })).toThrow("SETUP_SECRETS must be JSON such as");
  },
);
