// A small cluster for integration tests: own database, own topic, real processes.
import type pg from "pg";
import { migrate } from "../pkg/ticket/postgres-migrate.ts";
import { createPool } from "../pkg/ticket/postgres-pool.ts";
import { type FreshDatabase, freshDatabase } from "./harness/database.ts";
import { freePort } from "./harness/port.ts";
import { services } from "./harness/services.ts";
import { type SpawnedService, spawnService } from "./harness/spawn-service.ts";
import { freshTopic } from "./harness/topic.ts";
import type { RawTopic } from "./raw.ts";

export interface Cluster extends AsyncDisposable {
  readonly topic: string;
  readonly partitions: number;
  readonly brokers: string[];
  readonly database: FreshDatabase;
  readonly pool: pg.Pool;
  /** The environment every service of this cluster is started with. */
  readonly env: Readonly<Record<string, string>>;
  processor(name: string, env?: Readonly<Record<string, string>>): Promise<Running>;
  ingestor(env?: Readonly<Record<string, string>>): Promise<Running>;
  api(env?: Readonly<Record<string, string>>): Promise<Running>;
}

export interface Running {
  readonly service: SpawnedService;
  readonly port: number;
  readonly url: string;
}

/** Makes database and topic; programs are started by the caller and ended with the cluster. */
export async function startCluster(
  options: { partitions?: number; config?: Record<string, string> } = {},
): Promise<Cluster> {
  const { partitions = 6, config = {} } = options;
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await freshDatabase());
  const pool = createPool({
    ...database,
    applicationName: "test",
    onError: () => undefined,
    statementTimeoutMs: 60_000,
  });
  stack.defer(() => pool.end());
  await migrate(pool);
  const topic = await freshTopic({ partitions, config });
  const { kafkaBrokers, redisUrl } = services();
  const redis = new URL(redisUrl);
  const env = {
    KAFKA_BROKER: kafkaBrokers,
    TOPIC_EVENTS: topic,
    CONSUMER_GROUP: `group-${topic}`,
    PG_HOST: database.host,
    PG_PORT: String(database.port),
    PG_USER: database.user,
    PG_PASSWORD: database.password,
    PG_DB: database.database,
    REDIS_ADDR: `${redis.hostname}:${redis.port || 6379}`,
    INGEST_RATE: "0",
  };
  const running = stack.use(new AsyncDisposableStack());
  const start = async (name: string, entry: string, portName: string, extra: Readonly<Record<string, string>> = {}) => {
    const port = await freePort();
    const service = running.use(
      await spawnService({ name, entry, env: { ...env, [portName]: String(port), ...extra } }),
    );
    return { service, port, url: `http://127.0.0.1:${port}` };
  };
  const owned = stack.move();
  return {
    topic,
    partitions,
    brokers: kafkaBrokers.split(","),
    database,
    pool,
    env,
    processor: (name, extra) => start(name, "cmd/processor/main.ts", "METRICS_PORT", extra),
    ingestor: (extra) => start("ingestor", "cmd/ingestor/main.ts", "INGEST_PORT", extra),
    api: (extra) => start("api", "cmd/api/main.ts", "API_PORT", extra),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** True once every partition is applied up to the end of the log. */
export async function isCaughtUp(cluster: Cluster, raw: Pick<RawTopic, "ends">): Promise<boolean> {
  const { rows } = await cluster.pool.query<{ partition: number; next_offset: number }>(
    "SELECT partition, next_offset FROM partition_state WHERE topic = $1",
    [cluster.topic],
  );
  // Asked for after the offsets: what was moved home before they were committed is in the log by then.
  const ends = await raw.ends();
  const next = new Map(rows.map((row) => [row.partition, row.next_offset]));
  return [...ends].every(([partition, end]) => (next.get(partition) ?? 0) >= end);
}
