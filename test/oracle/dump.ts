// Reads a whole Kafka topic as it lies there, for the reference model. Commits no offsets, so its group ends with it.
import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import type { Consumer, EachBatchPayload, IHeaders, Kafka as KafkaClient, KafkaMessage } from "kafkajs";
import kafkajs from "kafkajs";
import type { DumpedRecord } from "./types.ts";

export interface DumpSource {
  readonly brokers: readonly string[];
  readonly topic: string;
  /** This one alone: a long log does not fit in memory as a whole. */
  readonly partition?: number;
  /** Default 120,000. */
  readonly deadlineMs?: number;
}

const { CompressionCodecs, CompressionTypes, Kafka, KafkaJSError, logLevel } = kafkajs;
const DEADLINE_MS = 120_000;
const RETRY = { retries: 20, maxRetryTime: 5_000 };

// kafkajs knows zstd by number only, and has one table of codecs for the process.
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
const ZSTD = { compress: (encoder: { buffer: Buffer }) => compress(encoder.buffer), decompress };

/**
 * Every record from the beginning up to the ends found at the start, by partition and offset.
 * Throws when that was not reached in time.
 */
export async function dumpKafkaTopic({
  brokers,
  topic,
  partition,
  deadlineMs = DEADLINE_MS,
}: DumpSource): Promise<DumpedRecord[]> {
  CompressionCodecs[CompressionTypes.ZSTD] = () => ZSTD;
  const kafka = new Kafka({
    brokers: [...brokers],
    clientId: "oracle",
    logLevel: logLevel.ERROR,
    retry: RETRY,
  });
  const untilMs = Date.now() + deadlineMs;
  const all = await endsOf(kafka, topic, untilMs);
  const ends = partition === undefined ? all : new Map([...all].filter(([each]) => each === partition));
  if (ends.size === 0) return [];
  const others = [...all.keys()].filter((each) => !ends.has(each));
  const consumer = kafka.consumer({ groupId: `oracle-${randomUUID()}`, maxWaitTimeInMs: 200, retry: RETRY });
  try {
    await consumer.connect();
    const dump = await readUpTo(consumer, { topic, partitions: others }, ends, untilMs);
    return dump.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  } finally {
    await consumer.disconnect();
  }
}

/** Ends of the partitions that hold anything. kafkajs' admin does not ask a new leader again, so a new one is made. */
async function endsOf(kafka: KafkaClient, topic: string, untilMs: number): Promise<Map<number, number>> {
  for (;;) {
    const admin = kafka.admin();
    try {
      await admin.connect();
      const offsets = await admin.fetchTopicOffsets(topic);
      const filled = offsets.filter(({ low, high }) => Number(high) > Number(low));
      return new Map(filled.map(({ partition, high }) => [partition, Number(high)]));
    } catch (error) {
      const retriable = error instanceof KafkaJSError && error.retriable;
      if (!retriable || Date.now() >= untilMs) throw error;
      await setTimeout(500);
    } finally {
      await admin.disconnect();
    }
  }
}

/** Reads until every partition of `ends` was read up to its end; `others` are not read. */
async function readUpTo(
  consumer: Consumer,
  others: { readonly topic: string; readonly partitions: number[] },
  ends: ReadonlyMap<number, number>,
  untilMs: number,
): Promise<DumpedRecord[]> {
  const { topic } = others;
  const records = new Map<string, DumpedRecord>();
  const left = new Map(ends);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const deadline = globalThis.setTimeout(() => {
    const missing = [...left].map(([partition, end]) => `${partition} up to ${end}`).join(", ");
    reject(new Error(`${topic} was not read in time: missing partitions ${missing}`));
  }, untilMs - Date.now());
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) reject(payload.error);
  });
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    const eachBatch = async ({ batch, heartbeat }: EachBatchPayload) => {
      const end = ends.get(batch.partition) ?? 0;
      for (const message of batch.messages) {
        const record = recordOf(batch.partition, message);
        if (record.offset < end) records.set(`${record.partition}/${record.offset}`, record);
      }
      if (Number(batch.lastOffset()) + 1 >= end) left.delete(batch.partition);
      if (left.size === 0) resolve();
      await heartbeat();
    };
    await consumer.run({ autoCommit: false, eachBatch });
    if (others.partitions.length > 0) consumer.pause([others]);
    await promise;
    return [...records.values()];
  } finally {
    globalThis.clearTimeout(deadline);
  }
}

function recordOf(partition: number, message: KafkaMessage): DumpedRecord {
  return {
    partition,
    offset: Number(message.offset),
    appendTimeMs: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: headersOf(message.headers ?? {}),
  };
}

/** Header texts; of a header that is there several times the last one. */
function headersOf(headers: IHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String((Array.isArray(value) ? value.at(-1) : value) ?? "")]),
  );
}
