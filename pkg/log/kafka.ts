// The event log on Apache Kafka, through kafkajs. Puts the parts together; each kafka-*.ts says what it decides.

import { KafkaAdmin } from "./kafka-admin.ts";
import type { KafkaConnection } from "./kafka-client.ts";
import { KafkaConsumer } from "./kafka-consumer.ts";
import { KafkaProducer } from "./kafka-producer.ts";
import type { ConsumerListener, EventLog, LogConsumer, NewRecord, PartitionRange, TopicInfo } from "./log.ts";

export { ensureTopic } from "./kafka-admin.ts";

export interface KafkaLogOptions extends KafkaConnection {
  readonly topic: string;
  /** An append is settled within so many ms; default 10,000. */
  readonly appendTimeoutMs?: number;
  /** Bytes per request and partition and the limit of one record; default 900 KiB. The broker's own limit must be above it. */
  readonly maxRequestBytes?: number;
  /** Bytes that may wait for one partition before appends are `throttled`; default 32 MiB. */
  readonly maxQueuedBytes?: number;
  /** A question to the brokers has failed after so many ms; default 10,000. */
  readonly adminTimeoutMs?: number;
  /** The group gives our partitions away after so long without a heartbeat; default 8,000: two members that die one after the other cost less than 20 s. */
  readonly sessionTimeoutMs?: number;
  /** Default 1,500. */
  readonly heartbeatMs?: number;
  /** A fetch is answered when so many bytes are there, default 1 (at once: a backlog fills it anyway), ... */
  readonly fetchMinBytes?: number;
  /** ... or after so many ms; default 250. */
  readonly fetchMaxWaitMs?: number;
  /** Bytes fetched at once per partition; default 1 MiB. */
  readonly maxBytesPerPartition?: number;
  /** Deliver records of open and aborted transactions too; default false. */
  readonly readUncommitted?: boolean;
}

/** The event log over one Kafka topic. Connects when first used; the topic must exist (ensureTopic makes it). */
export function kafkaLog(options: KafkaLogOptions): EventLog {
  return new KafkaLog(options);
}

class KafkaLog implements EventLog {
  readonly #options: KafkaLogOptions;
  readonly #admin: KafkaAdmin;
  readonly #producer: KafkaProducer;
  readonly #consumers = new Set<LogConsumer>();

  constructor(options: KafkaLogOptions) {
    this.#options = options;
    this.#admin = new KafkaAdmin(options, options.topic, options.adminTimeoutMs ?? 10_000);
    this.#producer = new KafkaProducer(options, options.topic, {
      appendTimeoutMs: options.appendTimeoutMs ?? 10_000,
      maxRequestBytes: options.maxRequestBytes ?? 900 * 1024,
      maxQueuedBytes: options.maxQueuedBytes ?? 32 * 1024 * 1024,
    });
  }

  describe(): Promise<TopicInfo> {
    return this.#admin.describe();
  }

  ranges(): Promise<readonly PartitionRange[]> {
    return this.#admin.ranges();
  }

  append(records: readonly NewRecord[]): Promise<void> {
    return this.#producer.append(records);
  }

  /** Returns before the group is joined; the listener is called only after this has resolved. */
  async consume(group: string, listener: ConsumerListener): Promise<LogConsumer> {
    const options = this.#options;
    const consumer = new KafkaConsumer({
      connection: options,
      topic: options.topic,
      group,
      listener,
      sessionTimeoutMs: options.sessionTimeoutMs ?? 8_000,
      heartbeatMs: options.heartbeatMs ?? 1_500,
      fetchMinBytes: options.fetchMinBytes ?? 1,
      fetchMaxWaitMs: options.fetchMaxWaitMs ?? 250,
      maxBytesPerPartition: options.maxBytesPerPartition ?? 1024 * 1024,
      readUncommitted: options.readUncommitted ?? false,
      partitionCount: async () => (await this.#admin.describe()).partitions,
      ranges: () => this.#admin.ranges(),
    });
    this.#consumers.add(consumer);
    const forget = (): boolean => this.#consumers.delete(consumer);
    consumer.ended.then(forget, forget);
    return consumer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer[Symbol.asyncDispose]()));
    await this.#producer[Symbol.asyncDispose]();
    await this.#admin[Symbol.asyncDispose]();
  }
}
