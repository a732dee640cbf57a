// The operator: keeps each LagScaler's Deployment at the replicas that its consumer group's lag asks for.
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { KubeConfig } from "@kubernetes/client-node";
import { type OperatorConfig, operatorConfig } from "../../pkg/config/operator.ts";
import { runTasks } from "../../pkg/lifecycle/run-tasks.ts";
import { sleep } from "../../pkg/lifecycle/sleep.ts";
import { kafkaSource } from "../../pkg/operator/kafka-source.ts";
import { kubeCluster } from "../../pkg/operator/kube-cluster.ts";
import { kubeLease } from "../../pkg/operator/kube-lease.ts";
import { createOperator } from "../../pkg/operator/operator.ts";
import { createMetrics } from "../../pkg/telemetry/catalogue.ts";
import type { Logger } from "../../pkg/telemetry/logger.ts";
import { runProgram, startOpsServer } from "../service.ts";

const NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

await runProgram("operator", async (signal, useLogger) => {
  const config = operatorConfig(process.env);
  await run(config, useLogger(config.logLevel), signal);
});

async function run(config: OperatorConfig, logger: Logger, signal: AbortSignal): Promise<void> {
  const metrics = createMetrics("operator");
  const kube = new KubeConfig();
  kube.loadFromDefault();
  const namespace = config.namespace ?? (await ownNamespace(kube));
  // Unlike the name of the pod it is never that of a former life: a restarted container waits like any other.
  const identity = `${config.podName ?? hostname()}_${randomUUID().slice(0, 8)}`;
  // That Kafka is away is said once, by the condition; the client would say it several times at each look.
  const quiet = { warn: (fields: object, message: string) => logger.debug(fields, message) };
  await using source = kafkaSource({ clientId: "alertcast-operator", security: config.security, logger: quiet });
  const operator = createOperator({
    cluster: kubeCluster({ config: kube, namespace, instance: identity }),
    lease: kubeLease(kube, namespace, config.lease),
    source,
    identity,
    metrics,
    logger,
    sleep,
    random: Math.random,
    now: Date.now,
    monotonic: () => performance.now(),
  });
  const { live, ready } = operator.checks;
  await using server = await startOpsServer({ port: config.metricsPort, ready, live, metrics, logger });
  logger.info({ namespace, lease: config.lease, identity }, "operator started");
  await runTasks([server.run, operator.run], signal);
}

/** The pod's, or outside of a cluster that of the current context. */
async function ownNamespace(kube: KubeConfig): Promise<string> {
  try {
    return (await readFile(NAMESPACE_FILE, "utf8")).trim();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    return kube.getContextObject(kube.getCurrentContext())?.namespace ?? "default";
  }
}
