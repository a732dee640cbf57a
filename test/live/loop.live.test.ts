// The whole loop, live: a real API server and controllers, a real Kafka and PostgreSQL, real processors that a stand-in for the
// kubelet runs as pods, and the operator. Load rises and falls, a processor and the operator are killed, Kafka goes away.
// LIVE_LOOP=long takes about half an hour and draws docs/live-loop.svg; else it is a few minutes.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { expect, it } from "vitest";
import { ensureTopic } from "../../pkg/log/kafka.ts";
import { migrate } from "../../pkg/ticket/postgres-migrate.ts";
import { createPool } from "../../pkg/ticket/postgres-pool.ts";
import { at } from "../chart/helm.ts";
import { freshDatabase } from "../harness/database.ts";
import { freePort } from "../harness/port.ts";
import { type SpawnedService, spawnService } from "../harness/spawn-service.ts";
import { startKafka } from "../harness/start-kafka.ts";
import { temporaryFolder } from "../harness/start-services.ts";
import { waitFor } from "../harness/wait.ts";
import { chartCrds, cluster, installCrds } from "../kube/control-plane/cluster.ts";
import { differences, readDatabase } from "../oracle/compare.ts";
import { dumpKafkaTopic } from "../oracle/dump.ts";
import { foldLog, mergeFolds, type OracleResult } from "../oracle/fold.ts";
import { drawLoop, type Mark } from "./chart.ts";
import { runPods } from "./pods.ts";
import { type Look, record, type Sample } from "./recorder.ts";

const isLong = process.env.LIVE_LOOP === "long";
const PARTITIONS = 24;
const TOPIC = "device_events";
const GROUP = "alertcast-processor";
const OBJECTIVE_S = 30;
/** What one event costs a processor, in turn: 2,500 a second at most. */
const COST_US = 400;
const TOP = Number(process.env.LIVE_LOOP_TOP ?? (isLong ? 20_000 : 8_000));
const SCALER = "processor";
const DOWN_SPACING_S = 120;

interface Run {
  readonly generator: Generator;
  readonly mark: (text: string) => void;
  readonly seconds: (n: number) => Promise<void>;
  readonly killProcessor: () => void;
  readonly killOperator: () => Promise<void>;
  readonly kafkaAway: (seconds: number) => Promise<void>;
}

async function shortPlan({ generator, mark, seconds, killProcessor, killOperator, kafkaAway }: Run): Promise<void> {
  generator.rate(500);
  mark("500/s");
  await seconds(30);
  generator.rate(TOP);
  mark(`${TOP}/s`);
  await seconds(90);
  killProcessor();
  mark("processor killed");
  await killOperator();
  mark("operator killed");
  await seconds(20);
  mark("Kafka away");
  await kafkaAway(60);
  mark("Kafka back");
  await seconds(75);
}

async function longPlan(run: Run): Promise<void> {
  const { generator, mark, seconds } = run;
  const step = async (rate: number, forSeconds: number) => {
    generator.rate(rate);
    mark(`${rate}/s`);
    await seconds(forSeconds);
  };
  await step(500, 120);
  await step(Math.round(TOP / 4), 180);
  await step(TOP, 120);
  run.killProcessor();
  mark("processor killed");
  await seconds(45);
  await run.killOperator();
  mark("operator killed");
  await seconds(45);
  mark("Kafka away");
  await run.kafkaAway(60);
  mark("Kafka back");
  await seconds(120);
  await step(500, 900);
}

class Generator {
  readonly #service: SpawnedService;
  readonly #write: (line: string) => void;

  constructor(service: SpawnedService, write: (line: string) => void) {
    this.#service = service;
    this.#write = write;
  }

  rate(perSecond: number): void {
    this.#write(`rate ${perSecond}\n`);
  }

  get sent(): number {
    const line = this.#service.logs().findLast((each) => each.startsWith("{"));
    return line === undefined ? 0 : Number(JSON.parse(line).sent);
  }

  async end(): Promise<number> {
    this.#write("end\n");
    await this.#service.waitForLog('"ended":true', { deadlineMs: 300_000 });
    return this.sent;
  }
}

function deployment(namespace: string) {
  const labels = { app: "processor" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: SCALER, namespace },
    spec: {
      selector: { matchLabels: labels },
      strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "processor", image: "alertcast:test", args: ["processor"] }] },
      },
    },
  };
}

function lagScaler(namespace: string, broker: string) {
  return {
    apiVersion: "scaling.alertcast.dev/v1alpha1",
    kind: "LagScaler",
    metadata: { name: SCALER, namespace },
    spec: {
      targetRef: { name: SCALER },
      kafka: { brokers: [broker], groupId: GROUP, topics: [TOPIC] },
      minReplicas: 1,
      maxReplicas: PARTITIONS,
      objective: { maxLagSeconds: OBJECTIVE_S, drainSeconds: 120 },
      capacity: { mode: "Auto", initialPerReplica: 2000 },
    },
  };
}

it("replicas follow the load, lag stays within the objective, and no event is lost or counted twice", {
  timeout: 3_600_000,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await temporaryFolder(stack, true);
  const kube = cluster();
  await installCrds(kube.api, chartCrds());
  const { name: namespace } = stack.use(await kube.newNamespace());
  const database = stack.use(await freshDatabase());
  const pool = createPool({
    ...database,
    applicationName: "live",
    onError: () => undefined,
    statementTimeoutMs: 60_000,
  });
  stack.defer(() => pool.end());
  await migrate(pool);
  const kafka = await startKafka({ folder, stack, guarded: true });
  const broker = kafka.address;
  await ensureTopic({ brokers: [broker], topic: TOPIC, partitions: PARTITIONS });

  const env = {
    KAFKA_BROKER: broker,
    TOPIC_EVENTS: TOPIC,
    CONSUMER_GROUP: GROUP,
    PG_HOST: database.host,
    PG_PORT: String(database.port),
    PG_USER: database.user,
    PG_PASSWORD: database.password,
    PG_DB: database.database,
    LOG_LEVEL: "warn",
  };
  await kube.api.apply(deployment(namespace));
  const pods = stack.use(
    runPods({
      api: kube.api,
      namespace,
      labels: { app: "processor" },
      start: async (pod) =>
        spawnService({
          name: pod,
          entry: "cmd/processor/main.ts",
          env: { ...env, METRICS_PORT: String(await freePort()), ALERTCAST_FAULTS: `cost@entry#${COST_US}us` },
        }),
    }),
  );
  await waitFor(() => pods.running().size > 0, { what: "the first processor", deadlineMs: 120_000 });

  const operators: SpawnedService[] = [];
  const startOperator = async (name: string) => {
    const service = await spawnService({
      name,
      entry: "cmd/operator/main.ts",
      env: {
        ...env,
        LOG_LEVEL: "info",
        KUBECONFIG: kube.kubeconfig,
        OPERATOR_NAMESPACE: namespace,
        OPERATOR_LEASE: "operator",
        POD_NAME: name,
        METRICS_PORT: String(await freePort()),
      },
    });
    stack.use(service);
    operators.push(service);
  };
  await startOperator("operator-a");
  await startOperator("operator-b");
  await kube.api.apply(lagScaler(namespace, broker));

  const generatorService = stack.use(
    await spawnService({
      name: "generator",
      entry: "test/live/generator.ts",
      env: { BROKERS: broker, TOPIC },
      stdin: true,
    }),
  );
  const generator = new Generator(generatorService, (line) => generatorService.write(line));
  const admin = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
  await admin.connect();
  stack.defer(() => admin.disconnect());
  let isKafkaAway = false;
  const look = async (): Promise<Look> => {
    const target = await kube.api.get({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: SCALER, namespace },
    });
    const scaler = await kube.api.get({
      apiVersion: "scaling.alertcast.dev/v1alpha1",
      kind: "LagScaler",
      metadata: { name: SCALER, namespace },
    });
    // Applied first: what is in the log later cannot be applied yet.
    const { rows } = await pool.query("SELECT partition, next_offset FROM partition_state");
    const ends = isKafkaAway ? undefined : await admin.fetchTopicOffsets(TOPIC).catch(() => undefined);
    const lagSeconds = at(scaler, "status", "lagSeconds");
    return {
      sent: generator.sent,
      replicas: Number(at(target, "spec", "replicas") ?? 0),
      processes: pods.running().size,
      ends: ends && new Map(ends.map(({ partition, high }) => [partition, Number(high)])),
      applied: new Map(rows.map((row) => [row.partition, row.next_offset])),
      operatorLagSeconds: typeof lagSeconds === "number" ? lagSeconds : undefined,
      reason: String(at(scaler, "status", "decision", "reason") ?? ""),
    };
  };

  const decided = waitFor(async () => (await look()).reason !== "", { what: "a first decision", deadlineMs: 120_000 });
  await decided.catch((error: unknown) => {
    throw new Error(operators.map((operator) => operator.logs().slice(-15).join("\n")).join("\n\n"), { cause: error });
  });
  const samples: Sample[] = [];
  const marks: Mark[] = [];
  const startedMs = performance.now();
  const stop = new AbortController();
  const recording = record(look, samples, stop.signal);
  const holder = async () => {
    const lease = await kube.api.get({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "operator", namespace },
    });
    return String(at(lease, "spec", "holderIdentity") ?? "");
  };
  const run: Run = {
    generator,
    mark: (text) => {
      marks.push({ second: (performance.now() - startedMs) / 1000, text });
      console.log(`[live] ${Math.round((performance.now() - startedMs) / 1000)} s: ${text}`);
    },
    seconds: (n) => pause(n * 1000),
    killProcessor: () => [...pods.running().values()][0]?.kill("SIGKILL"),
    killOperator: async () => {
      const before = await holder();
      const leader = operators.find((_, i) => before.includes(i === 0 ? "operator-a" : "operator-b"));
      expect(leader, `the leader ${before} is one of ours`).toBeDefined();
      leader?.kill("SIGKILL");
      await waitFor(async () => ![before, ""].includes(await holder()), {
        what: "another leader",
        deadlineMs: 120_000,
      });
    },
    kafkaAway: async (seconds) => {
      isKafkaAway = true;
      await kafka.server.stop();
      await pause(seconds * 1000);
      await kafka.server.start();
      isKafkaAway = false;
    },
  };
  try {
    await (isLong ? longPlan(run) : shortPlan(run));
    const sent = await generator.end();
    const caughtUp = () => (samples.at(-1)?.lag ?? 1) === 0;
    await waitFor(caughtUp, { what: "everything to be applied", deadlineMs: 600_000 });
    report();
    await judge(samples, marks, sent);
  } catch (error) {
    report();
    throw error;
  } finally {
    stop.abort();
    await recording;
  }

  /** What was seen, as a file and as a picture: before it is judged, which takes long. */
  function report(): void {
    mkdirSync(".reports", { recursive: true });
    const logs = operators.map((operator) => operator.logs());
    writeFileSync(
      ".reports/live-loop.json",
      JSON.stringify({ samples, marks, lastWords: pods.lastWords, operators: logs }),
    );
    const picture = isLong ? "docs/live-loop.svg" : ".reports/live-loop.svg";
    writeFileSync(join(import.meta.dirname, "../..", picture), drawLoop(samples, marks, OBJECTIVE_S));
  }

  async function judge(seen: readonly Sample[], done: readonly Mark[], sent: number): Promise<void> {
    const folds: OracleResult[] = [];
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const records = await dumpKafkaTopic({ brokers: [broker], topic: TOPIC, partition, deadlineMs: 600_000 });
      folds.push(foldLog(records, { partitions: PARTITIONS }));
    }
    const oracle = mergeFolds(folds);
    const found = differences(oracle, await readDatabase(pool));
    const summary = summarise(seen);
    console.log(
      `[live] ${JSON.stringify({ sent, tickets: oracle.tickets.length, differences: found.length, restarts: pods.restarts, ...summary, marks: done.length })}`,
    );
    expect(found).toEqual([]);
    expect(oracle.tickets.length).toBeGreaterThan(10);
    expect(summary.mostReplicas, "the load was shared").toBeGreaterThan(2);
    expect(summary.closestDownsSeconds).toBeGreaterThanOrEqual(DOWN_SPACING_S - 5);
    if (isLong) expect(seen.at(-1)?.replicas, "few are left in the end").toBeLessThan(summary.mostReplicas);
  }
});

function summarise(samples: readonly Sample[]) {
  const changes = samples.slice(1).flatMap((sample, i) => {
    const change = sample.replicas - (samples[i]?.replicas ?? 0);
    return change === 0 ? [] : [{ second: Math.round(sample.second), change, to: sample.replicas }];
  });
  const downs = changes.filter(({ change }) => change < 0).map(({ second }) => second);
  const gaps = downs.slice(1).map((second, i) => second - (downs[i] ?? 0));
  const above = samples.filter(({ lagSeconds }) => (lagSeconds ?? 0) > OBJECTIVE_S);
  return {
    mostReplicas: Math.max(...samples.map(({ replicas }) => replicas)),
    changes: changes.map(({ second, to }) => `${second}s:${to}`),
    closestDownsSeconds: Math.min(Number.MAX_SAFE_INTEGER, ...gaps),
    secondsAboveObjective: above.length * 2,
    worstLagSeconds: Math.round(Math.max(...samples.map(({ lagSeconds }) => lagSeconds ?? 0))),
  };
}
