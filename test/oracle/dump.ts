// Reads a whole Kafka topic as it lies there, for the reference model. Commits no offsets, so its group ends with it.
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import type { Consumer, EachBatchPayload, IHeaders, KafkaMessage } from "kafkajs";
import { CompressionCodecs, CompressionTypes, Kafka, logLevel } from "kafkajs";
import type { DumpedRecord } from "./types.ts";

export interface DumpSource {
  readonly brokers: readonly string[];
  readonly topic: string;
}

const DEADLINE_MS = 120_000;

/**
 * Every record from the beginning up to the ends found at the start, by partition and offset.
 * Throws when that was not reached within 120 s.
 */
export async function dumpKafkaTopic({ brokers, topic }: DumpSource): Promise<DumpedRecord[]> {
  const zstd = { compress: promisify(zstdCompress), decompress: promisify(zstdDecompress) };
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstd;
  const kafka = new Kafka({
    brokers: [...brokers],
    clientId: "oracle",
    logLevel: logLevel.ERROR,
    retry: { retries: 20, maxRetryTime: 5_000 },
  });
  const groupId = `oracle-${randomUUID()}`;
  const admin = kafka.admin();
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200, retry: { retries: 20, maxRetryTime: 5_000 } });
  try {
    await admin.connect();
    const ends = new Map<number, number>();
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      if (Number(high) > Number(low)) ends.set(partition, Number(high));
    }
    if (ends.size === 0) return [];
    await consumer.connect();
    const dump = await readUpTo(consumer, topic, ends);
    return dump.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  } finally {
    await consumer.disconnect();
    await admin.disconnect();
  }
}

/** Reads until every partition of `ends` was read up to its end. */
async function readUpTo(consumer: Consumer, topic: string, ends: ReadonlyMap<number, number>): Promise<DumpedRecord[]> {
  const records = new Map<string, DumpedRecord>();
  const left = new Map(ends);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const deadline = setTimeout(() => {
    const missing = [...left].map(([partition, end]) => `${partition} up to ${end}`).join(", ");
    reject(new Error(`${topic} was not read within ${DEADLINE_MS} ms: missing partitions ${missing}`));
  }, DEADLINE_MS);
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
    await promise;
    return [...records.values()];
  } finally {
    clearTimeout(deadline);
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
