// Declares the environment of the one-shot set-up: which database, roles, topics and Secrets it sees to.
import { LOG_LEVELS, type LogLevel } from "../telemetry/logger.ts";
import { type KafkaConfig, kafka } from "./config.ts";
import { type PostgresConfig, postgres } from "./connections.ts";
import { type Environment, type Reader, readConfig } from "./read.ts";

export interface SetupConfig {
  readonly logLevel: LogLevel;
  /** All of it has to be done within so many seconds. */
  readonly deadlineSeconds: number;
  /** As the owner of the tables. */
  readonly postgres: PostgresConfig;
  readonly roles: readonly SetupRole[];
  /** undefined = somebody else makes the topic. */
  readonly topic: SetupTopic | undefined;
  /** Kubernetes Secrets to make where they are missing: name to keys. */
  readonly secrets: Readonly<Record<string, readonly string[]>>;
}

export interface SetupRole {
  readonly purpose: "processor" | "api";
  readonly name: string;
  readonly passwordFile: string;
}

export interface SetupTopic extends KafkaConfig {
  readonly replicas: number;
  readonly retentionMs: number;
}

/** Throws `invalid` naming every malformed variable. */
export function setupConfig(env: Environment): SetupConfig {
  return readConfig(env, (read) => ({
    logLevel: read.oneOf("LOG_LEVEL", "info", LOG_LEVELS),
    deadlineSeconds: read.integer("SETUP_DEADLINE_SECONDS", 600, { min: 1, max: 86_400 }),
    postgres: postgres(read),
    roles: [...role(read, "processor"), ...role(read, "api")],
    topic: read.boolean("SETUP_TOPICS", false)
      ? {
          ...kafka(read),
          replicas: read.integer("TOPIC_REPLICAS", 1, { min: 1, max: 100 }),
          retentionMs: read.integer("TOPIC_RETENTION_MS", 604_800_000, { min: -1, max: Number.MAX_SAFE_INTEGER }),
        }
      : undefined,
    secrets: read.parsed("SETUP_SECRETS", {}, 'JSON such as {"name":["key"]}', secretsOf),
  }));
}

function role(read: Reader, purpose: SetupRole["purpose"]): SetupRole[] {
  const prefix = `SETUP_${purpose.toUpperCase()}`;
  const name = read.optionalText(`${prefix}_USER`);
  if (name === undefined) return [];
  return [{ purpose, name, passwordFile: read.required(`${prefix}_PASSWORD_FILE`, `set when ${prefix}_USER is`) }];
}

const SECRET_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const SECRET_KEY = /^[-._a-zA-Z0-9]{1,253}$/;

function secretsOf(text: string): Record<string, string[]> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const found: Record<string, string[]> = {};
  for (const [name, keys] of Object.entries(value)) {
    if (!SECRET_NAME.test(name) || !Array.isArray(keys) || keys.length === 0) return undefined;
    if (!keys.every((key): key is string => typeof key === "string" && SECRET_KEY.test(key))) return undefined;
    found[name] = keys;
  }
  return found;
}
