// The Redis adapter of the live counters: one hash for each installation, set and read by scripts. Never INCR, and never
// sends a command twice.
import { readFileSync } from "node:fs";
import { Redis, type RedisOptions } from "ioredis";
import { AlertCastError } from "../errors.ts";
import { COUNT_PAIRS, countsOf } from "../ticket/counts.ts";
import type { CountsReading } from "../ticket/read.ts";
import type { LiveCounts, LiveReading } from "./counts.ts";

export interface RedisCountsOptions {
  readonly host: string;
  readonly port: number;
  readonly username?: string | undefined;
  /** A file that holds the password, read for each connection; undefined = none. */
  readonly passwordFile?: string | undefined;
  /** TLS, with the authorities in this file (read for each connection) or the machine's own; undefined = none. */
  readonly tls?: { readonly caFile?: string | undefined } | undefined;
  /** Number of the database. Default 0. */
  readonly database?: number;
  /** Told of every lost or refused connection (often, while Redis is away), and of a file that cannot be read any more. */
  readonly onError: (error: Error) => void;
  /** Longest wait for an answer, ms. Default 500. */
  readonly commandTimeoutMs?: number;
}

const KEY_PREFIX = "alertcast:ticket_counts:";
/** Counts that nobody confirms for so long are worse than none: after a restored backup no newer version may come for hours. */
const TTL_MS = 60_000;
const LONGEST_RECONNECT_PAUSE_MS = 2_000;

/** KEYS[1] the hash; ARGV: version, time to live in ms, then field and value in turn. 1 = written. */
const WRITE = `
local stored = tonumber(redis.call('HGET', KEYS[1], 'version') or '')
if stored and stored > tonumber(ARGV[1]) then return 0 end
local now = redis.call('TIME')
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1],
  'written_ms', string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000)), unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

/** The whole hash, and the server's time in ms: ages do not depend on the clocks of its clients. */
const READ = `
local now = redis.call('TIME')
return {redis.call('HGETALL', KEYS[1]), string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))}`;

/**
 * Connects in the background, again and again while Redis is away; until then every call throws `unavailable` at once.
 * @throws the file system's error when the password or the authorities cannot be read now
 */
export function redisCounts(options: RedisCountsOptions): LiveCounts & AsyncDisposable {
  const redis = new Redis({
    host: options.host,
    port: options.port,
    db: options.database ?? 0,
    ...(options.username !== undefined && { username: options.username }),
    ...secretsOf(options),
    connectionName: "alertcast-counts",
    // A command whose reply was lost is not sent again behind our back, and none waits for better times.
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: options.commandTimeoutMs ?? 500,
    connectTimeout: 5_000,
    // Asked before each further connection, a refused login and an untrusted certificate included: that connection is
    // made with what the files say now.
    retryStrategy(attempt) {
      try {
        Object.assign(redis.options, secretsOf(options));
      } catch (error) {
        options.onError(new Error("the files for Redis cannot be read, those last read still count", { cause: error }));
      }
      return Math.min(100 * 2 ** Math.min(attempt, 10), LONGEST_RECONNECT_PAUSE_MS);
    },
  });
  redis.on("error", options.onError);
  // Which installation this is only its database knows, and may not be there yet: the first write tells.
  let ours: string | undefined;
  return {
    source: "redis",
    async read() {
      if (ours === undefined) return undefined;
      return readingOf(ours, await translated(redis.eval(READ, 1, KEY_PREFIX + ours)));
    },
    async write(reading) {
      ours = reading.installationId;
      return (await translated(redis.eval(WRITE, 1, KEY_PREFIX + ours, ...writeArguments(reading)))) === 1;
    },
    async [Symbol.asyncDispose]() {
      redis.disconnect();
    },
  };
}

function secretsOf({ passwordFile, tls }: RedisCountsOptions): Pick<RedisOptions, "password" | "tls"> {
  const ca = tls?.caFile === undefined ? {} : { ca: readFileSync(tls.caFile) };
  return {
    ...(passwordFile !== undefined && { password: readFileSync(passwordFile, "utf8").trimEnd() }),
    ...(tls !== undefined && { tls: ca }),
  };
}

function writeArguments({ version, counts }: CountsReading): (string | number)[] {
  const fields = COUNT_PAIRS.flatMap(([severity, status]) => [`${severity}:${status}`, counts[severity][status]]);
  return [version, TTL_MS, ...fields];
}

async function translated(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (cause) {
    throw new AlertCastError("unavailable", "Redis does not answer", { cause });
  }
}

/** Undefined also for a hash that is not as we write it: the next write replaces it. */
function readingOf(installationId: string, answer: unknown): LiveReading | undefined {
  if (!Array.isArray(answer)) return undefined;
  const [pairs, nowMs]: unknown[] = answer;
  if (!Array.isArray(pairs) || pairs.length === 0) return undefined;
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < pairs.length; i += 2) fields.set(String(pairs[i]), String(pairs[i + 1]));
  const number = (field: string) => Number(fields.get(field) ?? Number.NaN);
  const counts = countsOf((severity, status) => number(`${severity}:${status}`));
  const whole = COUNT_PAIRS.every(([severity, status]) => Number.isSafeInteger(counts[severity][status]));
  if (!whole || !Number.isSafeInteger(number("version"))) return undefined;
  const ageMs = Math.max(0, Number(nowMs) - number("written_ms"));
  return { installationId, version: number("version"), counts, ageMs };
}
