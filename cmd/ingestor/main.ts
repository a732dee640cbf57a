// The ingestor: HTTP and the simulator in, Kafka out.
import { randomInt } from "node:crypto";
import { type IngestorConfig, ingestorConfig } from "../../pkg/config/config.ts";
import { hasCode } from "../../pkg/errors.ts";
import { createApp } from "../../pkg/http/app.ts";
import { type Checks, createOpsRouter } from "../../pkg/http/ops.ts";
import { startHttpServer } from "../../pkg/http/server.ts";
import { createIngestor } from "../../pkg/ingestor/ingestor.ts";
import { runTasks } from "../../pkg/lifecycle/run-tasks.ts";
import { ensureTopic, kafkaLog } from "../../pkg/log/kafka.ts";
import type { EventLog, TopicInfo } from "../../pkg/log/log.ts";
import { createMetrics, type Metrics } from "../../pkg/telemetry/catalogue.ts";
import type { Logger } from "../../pkg/telemetry/logger.ts";
import type { Tracing } from "../../pkg/telemetry/tracing.ts";
import { Readiness, runProgram, startOpsServer, VERSION, waitFor } from "../service.ts";

await runProgram("ingestor", async (signal, useLogger, tracing) => {
  const config = ingestorConfig(process.env);
  await run(config, useLogger(config.logLevel), tracing, signal);
});

async function run(config: IngestorConfig, logger: Logger, tracing: Tracing, signal: AbortSignal): Promise<void> {
  const metrics = createMetrics("ingestor", { version: VERSION });
  const brokers = config.kafka.brokers.map(({ host, port }) => `${host}:${port}`);
  const { topic: name, security } = config.kafka;
  await using log = kafkaLog({ brokers, topic: name, security, clientId: "alertcast-ingestor", logger });
  const readiness = new Readiness(["kafka"]);
  let ready: Checks = readiness.checks(["kafka"]);
  await using _ops =
    config.metricsPort === undefined
      ? undefined
      : await startOpsServer({ port: config.metricsPort, ready: () => ready, metrics, logger });
  const topic = await findTopic({ config, brokers, log, metrics, logger, readiness, signal });
  const { rate, devices, seed } = config.simulator;
  const ingestor = createIngestor({
    log,
    topicPartitions: topic.partitions,
    metrics,
    logger,
    tracing,
    simulator: { rate, devices, seed: seed ?? randomInt(2 ** 32) },
  });
  ready = ingestor.checks;
  const ops = createOpsRouter({ ready, registry: metrics.registry });
  const app = createApp({ routers: [ingestor.router, ops], logger, tracing });
  await using server = await startHttpServer({ handler: app.callback(), port: config.port });
  logger.info({ port: server.port, topic: topic.topic, partitions: topic.partitions }, "ingestor started");
  await runTasks([server.run, ingestor.run], signal);
}

interface Search {
  readonly config: IngestorConfig;
  readonly brokers: string[];
  readonly log: EventLog;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly readiness: Readiness;
  readonly signal: AbortSignal;
}

/** Waits for Kafka and makes the topic where it is missing; until then the port answers that it is not ready. */
async function findTopic({ config, brokers, log, metrics, logger, readiness, signal }: Search): Promise<TopicInfo> {
  const ready = readiness.checks(["kafka"]);
  await using _waiting = await startOpsServer({ port: config.port, ready, metrics, logger });
  const { topic, partitions, security } = config.kafka;
  const find = async () => {
    try {
      return await log.describe();
    } catch (error) {
      if (!hasCode(error, "unavailable") || !config.createTopic) throw error;
    }
    await ensureTopic({ brokers, security, topic, partitions, timeoutMs: 5000, logger });
    return log.describe();
  };
  return await waitFor("kafka", find, { readiness, logger, signal });
}
