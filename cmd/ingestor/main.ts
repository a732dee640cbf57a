// The ingestor: HTTP and the simulator in, Kafka out.
import { randomInt } from "node:crypto";
import { type IngestorConfig, ingestorConfig } from "../../pkg/config/config.ts";
import { hasCode } from "../../pkg/errors.ts";
import { createApp } from "../../pkg/http/app.ts";
import { createOpsRouter } from "../../pkg/http/ops.ts";
import { startHttpServer } from "../../pkg/http/server.ts";
import { createIngestor } from "../../pkg/ingestor/ingestor.ts";
import { runTasks } from "../../pkg/lifecycle/run-tasks.ts";
import { ensureTopic, kafkaLog } from "../../pkg/log/kafka.ts";
import type { EventLog, TopicInfo } from "../../pkg/log/log.ts";
import { createMetrics } from "../../pkg/telemetry/catalogue.ts";
import type { Logger } from "../../pkg/telemetry/logger.ts";
import { Readiness, runProgram, startOpsServer, waitFor } from "../service.ts";

await runProgram("ingestor", async (signal, useLogger) => {
  const config = ingestorConfig(process.env);
  await run(config, useLogger(config.logLevel), signal);
});

async function run(config: IngestorConfig, logger: Logger, signal: AbortSignal): Promise<void> {
  const metrics = createMetrics("ingestor");
  const brokers = config.kafka.brokers.map(({ host, port }) => `${host}:${port}`);
  await using log = kafkaLog({ brokers, topic: config.kafka.topic, clientId: "alertcast-ingestor", logger });
  const topic = await findTopic(config, brokers, log, metrics, logger, signal);
  const { rate, devices, seed } = config.simulator;
  const ingestor = createIngestor({
    log,
    topicPartitions: topic.partitions,
    metrics,
    logger,
    simulator: { rate, devices, seed: seed ?? randomInt(2 ** 32) },
  });
  const ops = createOpsRouter({ ready: ingestor.checks, registry: metrics.registry });
  const app = createApp({ routers: [ingestor.router, ops], logger });
  await using server = await startHttpServer({ handler: app.callback(), port: config.port });
  logger.info({ port: server.port, topic: topic.topic, partitions: topic.partitions }, "ingestor started");
  await runTasks([server.run, ingestor.run], signal);
}

/** Waits for Kafka and makes the topic where it is missing; until then the port answers that it is not ready. */
async function findTopic(
  config: IngestorConfig,
  brokers: string[],
  log: EventLog,
  metrics: ReturnType<typeof createMetrics>,
  logger: Logger,
  signal: AbortSignal,
): Promise<TopicInfo> {
  const readiness = new Readiness(["kafka"]);
  const ready = readiness.checks(["kafka"]);
  await using _waiting = await startOpsServer({ port: config.port, ready, metrics, logger });
  const { topic, partitions } = config.kafka;
  const find = async () => {
    try {
      return await log.describe();
    } catch (error) {
      if (!hasCode(error, "unavailable")) throw error;
    }
    await ensureTopic({ brokers, topic, partitions, timeoutMs: 5000, logger });
    return log.describe();
  };
  return await waitFor("kafka", find, { readiness, logger, signal });
}
