// Declares which environment variables there are, their defaults and ranges, and which service reads which.
import { LOG_LEVELS, type LogLevel } from "../telemetry/logger.ts";
import {
  type KafkaConnectionConfig,
  kafkaConnection,
  type PostgresConfig,
  postgres,
  type RedisConfig,
  redis,
} from "./connections.ts";
import { type Environment, optionalPort, port, type Reader, readConfig } from "./read.ts";

export interface KafkaConfig extends KafkaConnectionConfig {
  readonly topic: string;
  readonly group: string;
  /** Partitions of the topic when AlertCast creates it. */
  readonly partitions: number;
}

export interface IngestorConfig {
  readonly logLevel: LogLevel;
  readonly kafka: KafkaConfig;
  readonly port: number;
  /** Where /livez, /readyz and /metrics are served too; undefined = on `port` alone. */
  readonly metricsPort: number | undefined;
  /** Makes the topic where it is missing. */
  readonly createTopic: boolean;
  readonly simulator: SimulatorConfig;
}

export interface SimulatorConfig {
  /** Events per second; 0 = off. */
  readonly rate: number;
  readonly devices: number;
  /** undefined = another fleet each time. */
  readonly seed: number | undefined;
}

export interface ProcessorConfig {
  readonly logLevel: LogLevel;
  readonly kafka: KafkaConfig;
  readonly postgres: PostgresConfig;
  readonly metricsPort: number;
  /** undefined = the default set. */
  readonly rulesFile: string | undefined;
}

export interface ApiConfig {
  readonly logLevel: LogLevel;
  readonly kafka: KafkaConfig;
  readonly postgres: PostgresConfig;
  /** undefined = there is none: /stats comes from PostgreSQL. */
  readonly redis: RedisConfig | undefined;
  readonly port: number;
  /** As the ingestor's. */
  readonly metricsPort: number | undefined;
}

/** Everything in one process: no Kafka, PostgreSQL or Redis outside of it. */
export interface StandaloneConfig {
  readonly logLevel: LogLevel;
  readonly topic: string;
  readonly group: string;
  readonly partitions: number;
  readonly apiPort: number;
  readonly ingestPort: number;
  readonly simulator: SimulatorConfig;
  readonly dataDir: string;
  readonly rulesFile: string | undefined;
}

/** Throws `invalid` naming every malformed variable; so do the others. */
export function ingestorConfig(env: Environment): IngestorConfig {
  return readConfig(env, (read) => ({
    logLevel: logLevel(read),
    kafka: kafka(read),
    port: port(read, "INGEST_PORT", 8081),
    metricsPort: optionalPort(read, "METRICS_PORT"),
    createTopic: read.boolean("TOPIC_CREATE", true),
    simulator: simulator(read),
  }));
}

export function processorConfig(env: Environment): ProcessorConfig {
  return readConfig(env, (read) => ({
    logLevel: logLevel(read),
    kafka: kafka(read),
    postgres: postgres(read),
    metricsPort: port(read, "METRICS_PORT", 9464),
    rulesFile: read.optionalText("RULES_FILE"),
  }));
}

export function apiConfig(env: Environment): ApiConfig {
  return readConfig(env, (read) => ({
    logLevel: logLevel(read),
    kafka: kafka(read),
    postgres: postgres(read),
    redis: redis(read),
    port: port(read, "API_PORT", 8080),
    metricsPort: optionalPort(read, "METRICS_PORT"),
  }));
}

export function migrateConfig(env: Environment): PostgresConfig {
  return readConfig(env, postgres);
}

export function standaloneConfig(env: Environment): StandaloneConfig {
  return readConfig(env, (read) => ({
    logLevel: logLevel(read),
    topic: topic(read),
    group: group(read),
    partitions: partitions(read),
    apiPort: port(read, "API_PORT", 8080),
    ingestPort: port(read, "INGEST_PORT", 8081),
    simulator: simulator(read),
    dataDir: read.text("DATA_DIR", "./data"),
    rulesFile: read.optionalText("RULES_FILE"),
  }));
}

/** KAFKA_*, TOPIC_* and CONSUMER_GROUP. */
export function kafka(read: Reader): KafkaConfig {
  return {
    ...kafkaConnection(read),
    topic: topic(read),
    group: group(read),
    partitions: partitions(read),
  };
}

function topic(read: Reader): string {
  return read.text("TOPIC_EVENTS", "device_events", {
    form: /^[A-Za-z0-9._-]{1,249}$/,
    wanted: "1 to 249 of A-Z a-z 0-9 . _ -",
  });
}

function group(read: Reader): string {
  return read.text("CONSUMER_GROUP", "alertcast-processor", {
    form: /^[\x21-\x7e]{1,255}$/,
    wanted: "1 to 255 printable ASCII characters without spaces",
  });
}

function partitions(read: Reader): number {
  return read.integer("TOPIC_PARTITIONS", 6, { min: 1, max: 10_000 });
}

function simulator(read: Reader): SimulatorConfig {
  return {
    rate: read.number("INGEST_RATE", 0.2, { min: 0, max: 100_000 }),
    devices: read.integer("SIMULATOR_DEVICES", 20, { min: 1, max: 1_000_000 }),
    seed: read.optionalInteger("SIMULATOR_SEED", { min: 0, max: 4_294_967_295 }),
  };
}

function logLevel(read: Reader): LogLevel {
  return read.oneOf("LOG_LEVEL", "info", LOG_LEVELS);
}
