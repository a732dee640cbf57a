// Questions about the topic and its creation. Never writes records and never touches a group.

import kafkajs, { type Admin } from "kafkajs";
import { AlertCastError, messageOf } from "../errors.ts";
import { type KafkaConnection, protocolErrorType, unavailable } from "./kafka-client.ts";
import { closeAdmin, KafkaSession, openAdmin } from "./kafka-session.ts";
import type { PartitionRange, TopicInfo } from "./log.ts";
import { pause } from "./wait.ts";

/** Answers questions about one topic over one lazily made connection. */
export class KafkaAdmin implements AsyncDisposable {
  readonly #session: KafkaSession;
  readonly #topic: string;

  constructor(connection: KafkaConnection, topic: string, timeoutMs: number) {
    this.#session = new KafkaSession(connection, timeoutMs);
    this.#topic = topic;
  }

  /** See EventLog.describe. */
  describe(): Promise<TopicInfo> {
    return this.#session.ask(`describe ${this.#topic}`, async (admin) => {
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
    return this.#session.ask(`read the ends of ${this.#topic}`, async (admin) => {
      const offsets = await admin.fetchTopicOffsets(this.#topic);
      return offsets
        .map(({ partition, low, high }) => ({ partition, start: Number(low), end: Number(high) }))
        .sort((a, b) => a.partition - b.partition);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
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
  const session = openAdmin({ ...spec, clientId: "alertcast-setup" }, 10_000);
  try {
    for (;;) {
      const problem = await createOnce(session.admin, spec);
      if (problem === undefined) return;
      if (performance.now() > deadline)
        throw unavailable(`cannot make topic ${spec.topic} within ${timeoutMs} ms`, problem);
      await pause(250);
    }
  } finally {
    await closeAdmin(session);
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
