import { expect, test } from "vitest";
import { hasCode, messageOf } from "../errors.ts";
import { apiConfig, ingestorConfig, processorConfig, standaloneConfig } from "./config.ts";
import { formatAddress, readConfig } from "./read.ts";

/** The message of the refusal. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(hasCode(error, "invalid")).toBe(true);
    return messageOf(error);
  }
  throw new Error("accepted");
}

test("an empty environment gives the contract's defaults", () => {
  expect(ingestorConfig({})).toEqual({
    logLevel: "info",
    kafka: {
      brokers: [{ host: "localhost", port: 9092 }],
      topic: "device_events",
      group: "alertcast-processor",
      partitions: 6,
      security: { tls: undefined, sasl: undefined },
    },
    port: 8081,
    metricsPort: undefined,
    createTopic: true,
    simulator: { rate: 0.2, devices: 20, seed: undefined },
  });
  expect(processorConfig({})).toMatchObject({
    metricsPort: 9464,
    rulesFile: undefined,
    postgres: { host: "localhost", port: 5432 },
  });
  expect(apiConfig({})).toMatchObject({ port: 8080, redis: { host: "localhost", port: 6379 } });
  expect(standaloneConfig({})).toMatchObject({ dataDir: "./data", apiPort: 8080, ingestPort: 8081 });
});

test("an empty variable counts as unset", () => {
  expect(apiConfig({ API_PORT: "", PG_PASSWORD: "" })).toMatchObject({ port: 8080, postgres: { password: "" } });
});

test("what is set is taken", () => {
  const config = ingestorConfig({
    KAFKA_BROKER: "a:9092, b.example:9093,[::1]:9094",
    INGEST_RATE: "0",
    SIMULATOR_SEED: "7",
    LOG_LEVEL: "debug",
  });
  expect(config.kafka.brokers.map(formatAddress)).toEqual(["a:9092", "b.example:9093", "[::1]:9094"]);
  expect(config).toMatchObject({ logLevel: "debug", simulator: { rate: 0, seed: 7 } });
});

test("all malformed variables are named at once, with what is wanted and without their values", () => {
  const env = {
    KAFKA_BROKER: "secret-a",
    TOPIC_EVENTS: "no spaces",
    API_PORT: "80a",
    PG_PORT: "0",
    REDIS_ADDR: "cache",
    LOG_LEVEL: "loud",
  };
  const message = refusal(() => apiConfig(env));
  for (const name of Object.keys(env)) expect(message).toContain(`${name} must be `);
  expect(message).toContain("API_PORT must be a whole number from 1 to 65535");
  expect(message).toContain("LOG_LEVEL must be one of trace, debug");
  for (const value of ["secret-a", "80a", "loud"]) expect(message).not.toContain(value);
});

test.each(["-0.1", "100001", "1e3", "0x10", " 1", "NaN", "Infinity", "1,5", "."])(
  "INGEST_RATE %j is refused",
  (value) => {
    expect(refusal(() => ingestorConfig({ INGEST_RATE: value }))).toContain(
      "INGEST_RATE must be a number from 0 to 100000",
    );
  },
);

test.each(["a", "a:", ":1", "a:0", "a:65536", "a:1,", "a:1;b:2", "::1:9092", "a b:1"])(
  "KAFKA_BROKER %j is refused",
  (value) => {
    expect(refusal(() => ingestorConfig({ KAFKA_BROKER: value }))).toContain("KAFKA_BROKER must be host:port");
  },
);

test("a boolean is true or false in so many words", () => {
  const read = (value: string) => readConfig({ FLAG: value }, (reader) => reader.boolean("FLAG", true));
  expect([read("true"), read("false"), read("")]).toEqual([true, false, true]);
  for (const value of ["yes", "1", "TRUE", "constructor"])
    expect(refusal(() => read(value))).toContain("FLAG must be true or false");
});
