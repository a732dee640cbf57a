// The API: tickets, statistics and dead letters over HTTP, and the relay that keeps the live counters right.
import { createApi } from "../../pkg/api/api.ts";
import { type ApiConfig, apiConfig } from "../../pkg/config/config.ts";
import type { RedisConfig } from "../../pkg/config/connections.ts";
import { redisCounts } from "../../pkg/count/redis.ts";
import { startHttpServer } from "../../pkg/http/server.ts";
import { runTasks } from "../../pkg/lifecycle/run-tasks.ts";
import { sleep } from "../../pkg/lifecycle/sleep.ts";
import { countsRelay } from "../../pkg/relay/counts-relay.ts";
import { createMetrics } from "../../pkg/telemetry/catalogue.ts";
import type { Logger } from "../../pkg/telemetry/logger.ts";
import { observeQueries, showPool } from "../../pkg/telemetry/queries.ts";
import type { Tracing } from "../../pkg/telemetry/tracing.ts";
import { checkSchema } from "../../pkg/ticket/postgres-migrate.ts";
import { createPool } from "../../pkg/ticket/postgres-pool.ts";
import { postgresReader } from "../../pkg/ticket/postgres-read.ts";
import { loadRunbooks } from "../runbooks.ts";
import { Readiness, runProgram, startOpsServer, VERSION, waitFor } from "../service.ts";

await runProgram("api", async (signal, useLogger, tracing) => {
  const config = apiConfig(process.env);
  await run(config, useLogger(config.logLevel), tracing, signal);
});

async function run(config: ApiConfig, logger: Logger, tracing: Tracing, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const metrics = createMetrics("api", { version: VERSION });
  const readiness = new Readiness(["postgres"]);
  const pool = createPool({
    ...config.postgres,
    applicationName: "alertcast-api",
    onError: (error) => logger.warn({ err: error }, "database connection lost"),
  });
  stack.defer(() => pool.end());
  showPool(metrics, pool);
  const reader = postgresReader(pool, observeQueries(metrics, tracing));
  const live = config.redis && stack.use(openRedis(config.redis, logger));
  const api = createApi({
    reader,
    live,
    metrics,
    logger,
    ready: readiness.checks(["postgres"]),
    now: () => new Date(),
    tracing,
    runbooks: await loadRunbooks(),
  });
  const server = stack.use(await startHttpServer({ handler: api.callback(), port: config.port }));
  const tasks = [server.run];
  if (config.metricsPort !== undefined) {
    const ops = { port: config.metricsPort, ready: readiness.checks(["postgres"]), metrics, logger };
    tasks.push(stack.use(await startOpsServer(ops)).run);
  }
  logger.info({ port: server.port }, "api started");
  const relay = countsRelay({ reader, live, metrics, logger, sleep, now: () => performance.now() });
  tasks.push(async (s) => {
    await waitFor("postgres", () => checkSchema(pool), { readiness, logger, signal: s });
    await relay(s);
  });
  await runTasks(tasks, signal);
}

function openRedis(redis: RedisConfig, logger: Logger) {
  return redisCounts({ ...redis, onError: (error) => logger.debug({ err: error }, "redis connection lost") });
}
