// The one-shot set-up of an installation: Secrets, schema, roles, topic. Running it again changes nothing that is right.
import { readFile } from "node:fs/promises";
import { type SetupConfig, type SetupRole, setupConfig } from "../../pkg/config/setup.ts";
import { AlertCastError, hasCode, messageOf } from "../../pkg/errors.ts";
import { sleep } from "../../pkg/lifecycle/sleep.ts";
import { ensureTopic } from "../../pkg/log/kafka.ts";
import type { Logger } from "../../pkg/telemetry/logger.ts";
import { migrate } from "../../pkg/ticket/postgres-migrate.ts";
import { createPool } from "../../pkg/ticket/postgres-pool.ts";
import { ensureRole } from "../../pkg/ticket/postgres-roles.ts";
import { runProgram } from "../service.ts";
import { eventTopicConfig } from "./event-topic.ts";

const PAUSE_MS = 1000;

await runProgram("setup", async (signal, useLogger) => {
  const config = setupConfig(process.env);
  const logger = useLogger(config.logLevel);
  const deadline = AbortSignal.timeout(config.deadlineSeconds * 1000);
  await setUp(config, logger, AbortSignal.any([signal, deadline]));
});

async function setUp(config: SetupConfig, logger: Logger, signal: AbortSignal): Promise<void> {
  if (Object.keys(config.secrets).length > 0) {
    // Loaded only where there is a Kubernetes to ask.
    const { kubeSecrets } = await import("./kube-secrets.ts");
    const secrets = kubeSecrets();
    for (const [name, keys] of Object.entries(config.secrets)) {
      const outcome = await patiently("kubernetes", logger, signal, () => secrets.ensure(name, keys));
      logger.info({ secret: name, outcome }, "secret");
    }
  }
  await setUpDatabase(config, logger, signal);
  const { topic } = config;
  if (topic === undefined) return;
  const { retentionMs, replicas, partitions, security } = topic;
  const spec = {
    brokers: topic.brokers.map(({ host, port }) => `${host}:${port}`),
    security,
    topic: topic.topic,
    partitions,
    replicationFactor: replicas,
    config: eventTopicConfig(retentionMs, replicas),
    timeoutMs: 5000,
    logger,
  };
  await patiently("kafka", logger, signal, () => ensureTopic(spec));
  logger.info({ topic: topic.topic, partitions }, "topic is there");
}

async function setUpDatabase(config: SetupConfig, logger: Logger, signal: AbortSignal): Promise<void> {
  const pool = createPool({
    ...config.postgres,
    applicationName: "alertcast-setup",
    onError: (error) => logger.warn({ err: error }, "database connection lost"),
    statementTimeoutMs: 600_000,
    lockTimeoutMs: 600_000,
  });
  try {
    const applied = await patiently("postgres", logger, signal, () => migrate(pool));
    logger.info({ applied: applied.map(({ name }) => name) }, "schema is up to date");
    for (const role of config.roles) {
      const outcome = await patiently("postgres", logger, signal, async () =>
        ensureRole(pool, { ...role, password: await passwordOf(role) }),
      );
      logger.info({ role: role.name, outcome }, "role");
    }
  } finally {
    await pool.end();
  }
}

/** The file may come later: its Secret is made by ourselves, or by a person after the installation. */
async function passwordOf({ passwordFile }: SetupRole): Promise<string> {
  let password: string;
  try {
    password = (await readFile(passwordFile, "utf8")).trimEnd();
  } catch (cause) {
    throw new AlertCastError("unavailable", `cannot read ${passwordFile}`, { cause });
  }
  if (password === "") throw new AlertCastError("unavailable", `${passwordFile} is empty`);
  return password;
}

/**
 * Tries again while the dependency is only away, until the deadline; the last reason is in the error then. The services' waitFor
 * ends a program with 0 when it is stopped: a Job that was stopped is not done.
 */
async function patiently<T>(what: string, logger: Logger, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!hasCode(error, "unavailable")) throw error;
      if (signal.aborted) {
        throw new AlertCastError("internal", `not done in time: ${messageOf(error)}`, { cause: error });
      }
      if (attempt === 1 || attempt % 20 === 0) {
        logger.warn({ dependency: what, err: error }, "waiting for a dependency");
      }
    }
    await sleep(PAUSE_MS, signal);
  }
}
