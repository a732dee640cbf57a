// `alertcast standalone`: everything in one process, on storage of its own. The same services, other adapters.
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { createApi } from "../../pkg/api/api.ts";
import { type StandaloneConfig, standaloneConfig } from "../../pkg/config/config.ts";
import { memoryCounts } from "../../pkg/count/memory.ts";
import { startHttpServer } from "../../pkg/http/server.ts";
import { createIngestor } from "../../pkg/ingestor/ingestor.ts";
import { runTasks, type Task } from "../../pkg/lifecycle/run-tasks.ts";
import { sleep } from "../../pkg/lifecycle/sleep.ts";
import { type PostgresLog, postgresLog } from "../../pkg/log/postgres.ts";
import { PROCESSOR_LIMITS } from "../../pkg/processor/deps.ts";
import { processorMetrics } from "../../pkg/processor/metrics.ts";
import { createProcessor } from "../../pkg/processor/processor.ts";
import { countsRelay } from "../../pkg/relay/counts-relay.ts";
import { createMetrics } from "../../pkg/telemetry/catalogue.ts";
import type { Logger } from "../../pkg/telemetry/logger.ts";
import { observeQueries, showPool } from "../../pkg/telemetry/queries.ts";
import type { Tracing } from "../../pkg/telemetry/tracing.ts";
import { migrate } from "../../pkg/ticket/postgres-migrate.ts";
import { postgresReader } from "../../pkg/ticket/postgres-read.ts";
import { postgresStore } from "../../pkg/ticket/postgres-store.ts";
import { compileStored, loadRuleSet } from "../rules.ts";
import { loadRunbooks } from "../runbooks.ts";
import { runProgram, VERSION } from "../service.ts";
import { openEmbedded } from "./embedded.ts";
import { trimTask } from "./trim.ts";

/** Ctrl-C ends it within 5 s. */
const GRACE_MS = 5000;

export function addStandalone(program: Command): void {
  program
    .command("standalone")
    .description("run ingest door, simulator, processor and API in this process, with nothing else installed")
    .option("--data <folder>", "where tickets and events are kept (default: DATA_DIR, else ./data)")
    .option("--memory", "keep nothing on disk")
    .addHelpText(
      "after",
      "\nExamples:\n  alertcast standalone\n  INGEST_RATE=5 API_PORT=9000 alertcast standalone --data /var/lib/alertcast",
    )
    .action(async (options: { data?: string; memory?: boolean }) => {
      const work: Parameters<typeof runProgram>[1] = async (signal, useLogger, tracing) => {
        const config = standaloneConfig(process.env);
        const dataDir = options.memory ? undefined : (options.data ?? config.dataDir);
        await run(config, dataDir, { logger: useLogger(config.logLevel), tracing }, signal);
      };
      await runProgram("standalone", work, { graceMs: GRACE_MS, logTo: process.stderr });
    });
}

async function run(
  config: StandaloneConfig,
  dataDir: string | undefined,
  { logger, tracing }: { readonly logger: Logger; readonly tracing: Tracing },
  signal: AbortSignal,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const ruleSet = await loadRuleSet(config.rulesFile);
  const socketDir = stack.adopt(await mkdtemp(join(tmpdir(), "alertcast-")), (dir) =>
    rm(dir, { recursive: true, force: true }),
  );
  const { pool } = stack.use(
    await openEmbedded(dataDir, socketDir, (error) => logger.warn({ err: error }, "database connection lost")),
  );
  await migrate(pool);
  const log = stack.use(postgresLog({ pool, topic: config.topic, partitions: config.partitions, logger }));
  const topic = await log.describe();
  const metrics = createMetrics(["ingestor", "processor", "api"], { version: VERSION });
  showPool(metrics, pool);
  const observe = observeQueries(metrics, tracing);
  const store = postgresStore({ pool, observe });
  const processor = createProcessor({
    log,
    topic,
    store,
    group: config.group,
    owner: `standalone/${process.pid}`,
    ruleSet,
    ruleSetId: await store.registerRuleSet(ruleSet.hash, ruleSet.source),
    compile: compileStored,
    detector: {},
    limits: PROCESSOR_LIMITS,
    logger,
    metrics: processorMetrics(metrics, topic.topic, Date.now),
    now: Date.now,
    tracing,
  });
  const { rate, devices, seed } = config.simulator;
  const ingestor = createIngestor({
    log,
    topicPartitions: topic.partitions,
    metrics,
    logger,
    tracing,
    simulator: { rate, devices, seed: seed ?? randomInt(2 ** 32) },
  });
  const reader = postgresReader(pool, observe);
  const live = memoryCounts();
  const api = createApi({
    reader,
    live,
    metrics,
    logger,
    ready: ingestor.checks,
    now: () => new Date(),
    routers: [ingestor.router],
    tracing,
    runbooks: await loadRunbooks(),
  });
  const server = stack.use(await startHttpServer({ handler: api.callback(), port: config.apiPort, drainMs: 1000 }));
  greet(server.port, dataDir, config);
  const tasks: Task[] = [
    server.run,
    ingestor.run,
    (s) => processor.run(s),
    countsRelay({ reader, live, metrics, logger, sleep, now: () => performance.now() }),
    trimTask({ pool, log: log satisfies PostgresLog, group: config.group, topic: topic.topic, logger, sleep }),
  ];
  await runTasks(tasks, signal);
}

function greet(port: number, dataDir: string | undefined, config: StandaloneConfig): void {
  const url = `http://localhost:${port}`;
  const { rate, devices } = config.simulator;
  const lines = [
    `AlertCast is running at ${url}  (data ${dataDir === undefined ? "in memory only" : `in ${dataDir}`}, Ctrl-C ends it)`,
    rate > 0
      ? `${devices} simulated devices send ${rate} events a second (INGEST_RATE=0 switches them off)`
      : "the simulator is off (INGEST_RATE=0)",
    "Try:",
    `  curl -s ${url}/api/v1/events -H 'content-type: application/json' -d '{"device_id":"my-device","status":"online","temperature":91}'`,
    `  curl -s '${url}/tickets/recent?limit=5'`,
    `  curl -s ${url}/stats`,
    "",
  ];
  process.stdout.write(lines.join("\n"));
}
