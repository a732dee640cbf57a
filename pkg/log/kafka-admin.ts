// Questions about the topic and its creation. Never writes records and never touches a group.

import kafkajs, { type Admin } from "kafkajs";
import { AlertCastError, messageOf } from "../errors.ts";
import { type KafkaClient, type KafkaConnection, newClient, protocolErrorType, unavailable } from "./kafka-client.ts";
import type { PartitionRange, TopicInfo } from "./log.ts";
import { pause, settled, within } from "./wait.ts";

/** A client is replaced after this many failures in a row: kafkajs does not always find a moved leader or controller again. */
const FAILURES_BEFORE_REBUILD = 2;

interface Session {
  readonly client: KafkaClient;
  readonly admin: Admin;
  readonly connected: Promise<void>;
  failures: number;
}

/** Answers questions about one topic over one lazily made connection. */
export class KafkaAdmin implements AsyncDisposable {
  readonly #connection: KafkaConnection;
  readonly #topic: string;
  readonly #timeoutMs: number;
  #session: Session | undefined;
  #closed = false;

  constructor(connection: KafkaConnection, topic: string, timeoutMs: number) {
    this.#connection = connection;
    this.#topic = topic;
    this.#timeoutMs = timeoutMs;
  }

  /** See EventLog.describe. */
  describe(): Promise<TopicInfo> {
    return this.#ask(`describe ${this.#topic}`, async (admin) => {
      const [cluster, metadata, timestampType] = await Promise.all([
        admin.describeCluster(),
        admin.fetchTopicMetadata({ topics: [this.#topic] }),
        timestampTypeOf(admin, this.#topic),
      ]);
      const partitions = metadata.topics[0]?.partitions.length ?? 0;
      if (partitions === 0) throw new Error("incomplete answer of the broker");
      return { clusterId: cluster.clusterId, topic: this.#topic, partitions, timestampType };
    });
  }

  /** See EventLog.ranges; ascending by partition. `end` does not count records of open transactions. */
  ranges(): Promise<readonly PartitionRange[]> {
    return this.#ask(`read the ends of ${this.#topic}`, async (admin) => {
      const offsets = await admin.fetchTopicOffsets(this.#topic);
      return offsets
        .map(({ partition, low, high }) => ({ partition, start: Number(low), end: Number(high) }))
        .sort((a, b) => a.partition - b.partition);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    if (this.#session !== undefined) await close(this.#session);
  }

  async #ask<T>(what: string, question: (admin: Admin) => Promise<T>): Promise<T> {
    if (this.#closed) throw new AlertCastError("unavailable", "the log was closed");
    const session = this.#open();
    try {
      const answer = session.connected.then(() => question(session.admin));
      const result = await within(answer, this.#timeoutMs, what);
      session.failures = 0;
      return result;
    } catch (error) {
      if (++session.failures >= FAILURES_BEFORE_REBUILD && this.#session === session) {
        this.#session = undefined;
        void close(session);
      }
      throw unavailable(`cannot ${what}`, error);
    }
  }

  #open(): Session {
    this.#session ??= openSession(this.#connection, this.#timeoutMs);
    return this.#session;
  }
}

/** "unknown" for a user who may use the topic but not read its configuration. */
async function timestampTypeOf(admin: Admin, topic: string): Promise<TopicInfo["timestampType"]> {
  const name = "message.timestamp.type";
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }],
    });
    const entry = resources[0]?.configEntries.find((each) => each.configName === name);
    if (entry === undefined) throw new Error("incomplete answer of the broker");
    return entry.configValue === "LogAppendTime" ? "LogAppendTime" : "CreateTime";
  } catch (error) {
    if (protocolErrorType(error) === "TOPIC_AUTHORIZATION_FAILED") return "unknown";
    throw error;
  }
}

function openSession(connection: KafkaConnection, timeoutMs: number): Session {
  const client = newClient(connection, {
    requestTimeoutMs: timeoutMs,
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 },
  });
  const admin = client.kafka.admin();
  const connected = admin.connect();
  const session: Session = { client, admin, connected, failures: 0 };
  connected.catch(() => {
    // Whoever asks gets this error too; a session that never connected must not be asked again.
    session.failures = FAILURES_BEFORE_REBUILD;
  });
  return session;
}

async function close(session: Session): Promise<void> {
  await settled(session.admin.disconnect(), 2_000);
  session.client.cut();
}

/** What ensureTopic needs. */
export interface TopicSpec extends Omit<KafkaConnection, "clientId"> {
  readonly topic: string;
  readonly partitions: number;
  /** Topic configuration, used only when the topic is created. Default: `message.timestamp.type=LogAppendTime`. */
  readonly config?: Readonly<Record<string, string>>;
  /** Default 1. */
  readonly replicationFactor?: number;
  /** How long to keep trying while brokers are not ready; default 60,000. */
  readonly timeoutMs?: number;
}

/**
 * Makes the topic if it does not exist and waits until each partition has a leader. An existing topic is left as it is.
 * Throws `conflict` when it exists with another number of partitions, `unavailable` when the brokers are not ready in time.
 */
export async function ensureTopic(spec: TopicSpec): Promise<void> {
  const timeoutMs = spec.timeoutMs ?? 60_000;
  const deadline = performance.now() + timeoutMs;
  const session = openSession({ ...spec, clientId: "alertcast-setup" }, 10_000);
  try {
    for (;;) {
      const problem = await createOnce(session.admin, spec);
      if (problem === undefined) return;
      if (performance.now() > deadline)
        throw unavailable(`cannot make topic ${spec.topic} within ${timeoutMs} ms`, problem);
      await pause(250);
    }
  } finally {
    await close(session);
  }
}

/** Makes and checks the topic; returns what was in the way if it is worth another try. */
async function createOnce(admin: Admin, spec: TopicSpec): Promise<unknown> {
  const config = spec.config ?? { "message.timestamp.type": "LogAppendTime" };
  try {
    await admin.connect();
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic: spec.topic,
          numPartitions: spec.partitions,
          replicationFactor: spec.replicationFactor ?? 1,
          configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
        },
      ],
    });
    const metadata = await admin.fetchTopicMetadata({ topics: [spec.topic] });
    const partitions = metadata.topics[0]?.partitions ?? [];
    if (partitions.some((partition) => partition.leader < 0)) return new Error("a partition has no leader");
    if (partitions.length !== spec.partitions) {
      throw new AlertCastError(
        "conflict",
        `topic ${spec.topic} has ${partitions.length} partitions where ${spec.partitions} are wanted`,
      );
    }
    await admin.fetchTopicOffsets(spec.topic);
    return undefined;
  } catch (error) {
    if (error instanceof AlertCastError) throw error;
    const type = protocolErrorType(error);
    if (type === "INVALID_CONFIG" || type === "INVALID_REPLICATION_FACTOR" || type === "INVALID_PARTITIONS") {
      throw new AlertCastError("invalid", `cannot make topic ${spec.topic}: ${messageOf(error)}`, { cause: error });
    }
    return error;
  }
}
