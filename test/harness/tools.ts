// Finds the programs that the tests' services are started from. Installs nothing (scripts/setup-services.sh does).
import { accessSync, constants, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

export type ServiceName = "kafka" | "postgres" | "redis";

/** The environment variable that names a running service to use instead of starting one. */
export const SERVICE_VARIABLES = {
  kafka: "ALERTCAST_TEST_KAFKA",
  postgres: "ALERTCAST_TEST_PG",
  redis: "ALERTCAST_TEST_REDIS",
} as const satisfies Record<ServiceName, string>;

const DEBIAN_POSTGRES = "/usr/lib/postgresql";

/** The services that the environment does not name, so that they have to be started. */
export function servicesToStart(env: NodeJS.ProcessEnv): ServiceName[] {
  const names: ServiceName[] = ["kafka", "postgres", "redis"];
  return names.filter((name) => !env[SERVICE_VARIABLES[name]]);
}

/** What is not installed of the programs needed to start `services`, one phrase each. */
export function missingTools(services: readonly ServiceName[]): string[] {
  const missing: string[] = [];
  if (services.includes("kafka")) {
    if (!javaCommand()) missing.push("java (17 or newer)");
    if (!kafkaLibs()) missing.push("the Kafka jars (scripts/setup-kafka.sh, needs mvn)");
  }
  if (services.includes("postgres") && !postgresFolder()) missing.push("PostgreSQL's initdb and postgres");
  if (services.includes("redis") && !redisCommand()) missing.push("redis-server");
  return missing;
}

export function javaCommand(): string | undefined {
  return onPath("java");
}

export function redisCommand(): string | undefined {
  return onPath("redis-server") ?? onPath("valkey-server");
}

/** Where what was fetched or built for the tests is kept, outside the checkout (scripts/env.sh says the same). */
export function cacheFolder(): string {
  return process.env.ALERTCAST_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "alertcast");
}

/** The folder of the Kafka broker's jars in the user's cache. */
export function kafkaLibs(): string | undefined {
  const libs = join(cacheFolder(), "kafka", "4.2.0", "libs");
  return isUsable(libs) ? libs : undefined;
}

/** The folder of `initdb` and `postgres`: from PATH, or the newest version where Debian keeps it off PATH. */
export function postgresFolder(): string | undefined {
  const initdb = onPath("initdb");
  if (initdb) return join(initdb, "..");
  if (!isUsable(DEBIAN_POSTGRES)) return undefined;
  const versions = readdirSync(DEBIAN_POSTGRES).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(DEBIAN_POSTGRES, version, "bin")).find((bin) => isUsable(join(bin, "initdb")));
}

function onPath(program: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, program)).find(isUsable);
}

/** There is such a file or folder, and it may be run or entered. */
export function isUsable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
