// Starts a real Kafka broker (one node, KRaft) with its data in a given folder.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Kafka, logLevel } from "kafkajs";
import { freePort } from "./port.ts";
import { ServerProcess, type StartedServer, type StartOptions } from "./server-process.ts";
import { javaCommand, kafkaLibs } from "./tools.ts";
import { waitFor } from "./wait.ts";

const READY_DEADLINE_MS = 180_000;
const LOG_CONFIG = join(import.meta.dirname, "kafka", "log4j2.properties");
const QUICK_START = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"];

/** What a broker has besides its plaintext listener. */
export interface KafkaExtras {
  /** Added to `listeners`, such as `SECURE://127.0.0.1:9093`, with its entry of the security protocol map. */
  readonly listener: string;
  readonly protocol: string;
  /** Lines of server.properties. */
  readonly config: string;
  /** Arguments of the storage tool's format, such as `--add-scram ...`. */
  readonly format: readonly string[];
}

/** Starts a broker; resolves when a record went through a new topic and a consumer group. `address` is host:port. */
export async function startKafka(options: StartOptions, extras?: KafkaExtras): Promise<StartedServer> {
  const java = javaCommand();
  const libs = kafkaLibs();
  if (!java || !libs) throw new Error("java or the Kafka jars are missing: run scripts/setup-services.sh");
  const folder = join(options.folder, "kafka");
  const config = join(folder, "server.properties");
  const classPath = ["-cp", join(libs, "*"), `-Dlog4j2.configurationFile=${LOG_CONFIG}`, "-Dlog4j2.disableJmx=true"];
  const port = await freePort();
  await mkdir(folder, { recursive: true });
  await writeFile(config, brokerConfig(folder, port, await freePort(), extras));
  const id = randomBytes(16);
  // An id that begins with "-" would be taken for an option by Kafka's tool.
  id.writeUInt8(id.readUInt8(0) & 0x7f, 0);
  const clusterId = id.toString("base64url");
  const format = ["kafka.tools.StorageTool", "format", "-t", clusterId, "-c", config, ...(extras?.format ?? [])];
  await promisify(execFile)(java, [...QUICK_START, ...classPath, ...format]);

  const address = `127.0.0.1:${port}`;
  const server = options.stack.use(
    new ServerProcess({
      name: "Kafka",
      command: java,
      args: ["-Xmx512m", ...QUICK_START, ...classPath, "kafka.Kafka", config],
      logFile: join(options.folder, "kafka.log"),
      ready: () => recordGoesThrough(address),
      guarded: options.guarded,
    }),
  );
  await server.start();
  return { address, server };
}

function brokerConfig(folder: string, port: number, controllerPort: number, extras?: KafkaExtras): string {
  const also = (text: string | undefined) => (text === undefined ? "" : `,${text}`);
  return `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${also(extras?.listener)}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}${also(extras?.listener)}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${also(extras?.protocol)}
log.dirs=${join(folder, "data")}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.message.timestamp.type=LogAppendTime
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=16777216
${extras?.config ?? ""}`;
}

// A broker that answers metadata may still refuse records and groups, so only a whole round trip counts.
async function recordGoesThrough(address: string): Promise<void> {
  const kafka = new Kafka({ clientId: "harness", brokers: [address], logLevel: logLevel.NOTHING });
  const topic = `ready-${randomBytes(6).toString("hex")}`;
  const wait = { deadlineMs: READY_DEADLINE_MS };
  const admin = kafka.admin({ retry: { retries: 0 } });
  await waitFor(() => admin.connect().then(() => true), { ...wait, what: "Kafka to accept connections" });
  try {
    const create = () => admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    // False: a try that seemed to fail had created it.
    await waitFor(() => create().then(() => true), { ...wait, what: "Kafka to create a topic" });
    await produce(kafka, topic);
    await consume(kafka, topic);
  } finally {
    await admin.disconnect();
  }
}

async function produce(kafka: Kafka, topic: string): Promise<void> {
  const producer = kafka.producer({ retry: { retries: 0 } });
  await producer.connect();
  try {
    const send = () => producer.send({ topic, messages: [{ value: "ready" }] });
    await waitFor(send, { what: "Kafka to take a record", deadlineMs: READY_DEADLINE_MS });
  } finally {
    await producer.disconnect();
  }
}

async function consume(kafka: Kafka, topic: string): Promise<void> {
  const retry = { retries: 1000, initialRetryTime: 100, maxRetryTime: 500 };
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100, retry });
  let seen = false;
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async () => {
        seen = true;
      },
    });
    await waitFor(() => seen, { what: "Kafka to deliver a record to a group", deadlineMs: READY_DEADLINE_MS });
  } finally {
    await consumer.disconnect();
  }
}
