// The processor: Kafka in, tickets in PostgreSQL out.
import { hostname } from "node:os";
import type pg from "pg";
import { type ProcessorConfig, processorConfig } from "../../pkg/config/config.ts";
import { AlertCastError } from "../../pkg/errors.ts";
import { runTasks } from "../../pkg/lifecycle/run-tasks.ts";
import { kafkaLog } from "../../pkg/log/kafka.ts";
import type { TopicInfo } from "../../pkg/log/log.ts";
import { PROCESSOR_LIMITS } from "../../pkg/processor/deps.ts";
import { processorMetrics } from "../../pkg/processor/metrics.ts";
import { createProcessor } from "../../pkg/processor/processor.ts";
import { REMEMBERED_IDENTITIES } from "../../pkg/rule/detect.ts";
import { createMetrics } from "../../pkg/telemetry/catalogue.ts";
import type { Logger } from "../../pkg/telemetry/logger.ts";
import { observeQueries, showPool } from "../../pkg/telemetry/queries.ts";
import type { Tracing } from "../../pkg/telemetry/tracing.ts";
import { checkSchema } from "../../pkg/ticket/postgres-migrate.ts";
import { createPool } from "../../pkg/ticket/postgres-pool.ts";
import { postgresStore } from "../../pkg/ticket/postgres-store.ts";
import { compileStored, loadRuleSet } from "../rules.ts";
import { Readiness, runProgram, startOpsServer, VERSION, waitFor } from "../service.ts";
import { type Faults, readFaults } from "./faults.ts";

const NEEDS = ["rules", "postgres", "kafka"] as const;
/** The loop turns at least once a second; liveness asks for once in this long. */
const TURN_WITHIN_MS = 60_000;

await runProgram("processor", async (signal, useLogger, tracing) => {
  const config = processorConfig(process.env);
  const logger = useLogger(config.logLevel);
  const faults = readFaults(process.env.ALERTCAST_FAULTS);
  if (faults.ordered.length > 0) logger.warn({ faults: faults.ordered }, "running with faults that a test has ordered");
  await run(config, faults, { logger, tracing }, signal);
});

interface Tools {
  readonly logger: Logger;
  readonly tracing: Tracing;
}

async function run(
  config: ProcessorConfig,
  faults: Faults,
  { logger, tracing }: Tools,
  signal: AbortSignal,
): Promise<void> {
  const readiness = new Readiness(NEEDS);
  const deps = { readiness, logger, signal };
  const metrics = createMetrics("processor", { version: VERSION });
  const ruleSet = await loadRuleSet(config.rulesFile);
  readiness.set("rules", true);
  let lastTurnMs = Date.now();
  const turned = () => Date.now() - lastTurnMs <= TURN_WITHIN_MS || "the loop has not turned for a minute";
  await using server = await startOpsServer({
    port: config.metricsPort,
    ready: readiness.checks(NEEDS),
    live: { loop: () => lastTurnMs === 0 || turned() },
    metrics,
    logger,
  });
  await using stack = new AsyncDisposableStack();
  const pool = openPool(config, logger);
  stack.defer(() => pool.end());
  const { brokers, topic: name, group } = config.kafka;
  const log = stack.use(
    kafkaLog({
      brokers: brokers.map(({ host, port }) => `${host}:${port}`),
      topic: name,
      security: config.kafka.security,
      clientId: "alertcast-processor",
      logger,
    }),
  );
  const { failpoint } = faults;
  showPool(metrics, pool);
  const observe = observeQueries(metrics, tracing);
  const store = postgresStore({ pool, observe, fenced: faults.fenced, ...(failpoint && { failpoint }) });
  const keepAlive = setInterval(() => {
    if (!readiness.isReady) lastTurnMs = Date.now();
  }, 1000);
  stack.defer(() => clearInterval(keepAlive));
  await waitFor("postgres", () => checkSchema(pool), deps);
  const topic = await waitFor("kafka", () => log.describe(), deps);
  refuseProducerTime(topic);
  const ruleSetId = await waitFor("postgres", () => store.registerRuleSet(ruleSet.hash, ruleSet.source), deps);
  const observer = processorMetrics(metrics, topic.topic, Date.now);
  const processor = createProcessor({
    log,
    topic,
    store,
    group,
    owner: `${hostname()}/${process.pid}`,
    ruleSet,
    ruleSetId,
    compile: compileStored,
    detector: { rememberedIdentities: faults.repeatCheck ? REMEMBERED_IDENTITIES : 0 },
    limits: PROCESSOR_LIMITS,
    logger,
    metrics: {
      ...observer,
      partitions: (states) => {
        lastTurnMs = Date.now();
        observer.partitions(states);
      },
    },
    now: Date.now,
    tracing,
    ...(failpoint === undefined ? {} : { failpoint }),
    ...(faults.perEntries === undefined ? {} : { perEntries: faults.perEntries }),
  });
  logger.info({ topic: topic.topic, partitions: topic.partitions, group, ruleSetId }, "processor started");
  await runTasks([server.run, (s) => processor.run(s)], signal);
}

function openPool(config: ProcessorConfig, logger: Logger): pg.Pool {
  return createPool({
    ...config.postgres,
    applicationName: "alertcast-processor",
    onError: (error) => logger.warn({ err: error }, "database connection lost"),
  });
}

/** T1: with producers' time one wrong clock would move everybody's. */
function refuseProducerTime(topic: TopicInfo): void {
  if (topic.timestampType === "LogAppendTime") return;
  if (topic.timestampType === "unknown") {
    throw new AlertCastError(
      "invalid",
      `the user of KAFKA_SASL_USERNAME may not read the configuration of topic ${topic.topic}: it needs DescribeConfigs`,
    );
  }
  throw new AlertCastError(
    "invalid",
    `topic ${topic.topic} has message.timestamp.type=${topic.timestampType}; it must be LogAppendTime (kafka-configs --alter --add-config message.timestamp.type=LogAppendTime)`,
  );
}
