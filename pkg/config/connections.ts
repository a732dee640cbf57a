// Declares how Kafka, PostgreSQL and Redis are reached: addresses, credentials, TLS. Secrets come as files where they may
// change under a running program; they are named here and read where they are used.
import { type Address, port, type Reader } from "./read.ts";

export const SASL_MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

export interface KafkaConnectionConfig {
  readonly brokers: readonly Address[];
  readonly security: KafkaSecurityConfig;
}

/** Both undefined = plaintext, as in docker compose. */
export interface KafkaSecurityConfig {
  /** undefined = no TLS; without a file the machine's own authorities are trusted. */
  readonly tls: { readonly caFile: string | undefined } | undefined;
  readonly sasl:
    | { readonly mechanism: SaslMechanism; readonly username: string; readonly passwordFile: string }
    | undefined;
}

export const SSL_MODES = ["disable", "require", "verify-full"] as const;

export interface PostgresConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Wins over `password`; read again at each new connection. */
  readonly passwordFile: string | undefined;
  readonly database: string;
  readonly sslMode: (typeof SSL_MODES)[number];
  readonly sslCaFile: string | undefined;
}

export interface RedisConfig extends Address {
  readonly username: string | undefined;
  readonly passwordFile: string | undefined;
  /** undefined = no TLS. */
  readonly tls: { readonly caFile: string | undefined } | undefined;
}

/** KAFKA_*: brokers and how to log in there. */
export function kafkaConnection(read: Reader): KafkaConnectionConfig {
  const caFile = read.optionalText("KAFKA_SSL_CA_FILE");
  const tls = read.boolean("KAFKA_SSL", caFile !== undefined) ? { caFile } : undefined;
  const username = read.optionalText("KAFKA_SASL_USERNAME");
  const mechanism = read.oneOf("KAFKA_SASL_MECHANISM", "scram-sha-512", SASL_MECHANISMS);
  // Without a user the variable means nothing.
  const passwordFile =
    username === undefined ? "" : read.required("KAFKA_SASL_PASSWORD_FILE", "set when KAFKA_SASL_USERNAME is");
  const sasl = username === undefined ? undefined : { mechanism, username, passwordFile };
  return { brokers: read.addresses("KAFKA_BROKER", "localhost:9092"), security: { tls, sasl } };
}

/** PG_*. */
export function postgres(read: Reader): PostgresConfig {
  return {
    host: read.text("PG_HOST", "localhost"),
    port: port(read, "PG_PORT", 5432),
    user: read.text("PG_USER", "alertcast"),
    password: read.text("PG_PASSWORD", ""),
    passwordFile: read.optionalText("PG_PASSWORD_FILE"),
    database: read.text("PG_DB", "alertcast"),
    sslMode: read.oneOf("PG_SSLMODE", "disable", SSL_MODES),
    sslCaFile: read.optionalText("PG_SSL_CA_FILE"),
  };
}

/** REDIS_*; `REDIS_ADDR=none` is undefined. */
export function redis(read: Reader): RedisConfig | undefined {
  if (read.optionalText("REDIS_ADDR") === "none") return undefined;
  const caFile = read.optionalText("REDIS_TLS_CA_FILE");
  return {
    ...read.address("REDIS_ADDR", "localhost:6379"),
    username: read.optionalText("REDIS_USERNAME"),
    passwordFile: read.optionalText("REDIS_PASSWORD_FILE"),
    tls: read.boolean("REDIS_TLS", caFile !== undefined) ? { caFile } : undefined,
  };
}
