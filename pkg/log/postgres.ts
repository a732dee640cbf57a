// The event log in PostgreSQL, for installations without Kafka (embedded mode). One process reads a topic: no balancing.
// Puts the parts together; the SQL of appending is in postgres-append.ts, that of reading in postgres-consumer.ts.

import type { Pool } from "pg";
import { AlertCastError, messageOf } from "../errors.ts";
import type {
  ConsumerListener,
  EventLog,
  LogConsumer,
  NewRecord,
  OffsetCommit,
  PartitionRange,
  TopicInfo,
} from "./log.ts";
import { PostgresAppender } from "./postgres-append.ts";
import { PostgresConsumer, readRanges } from "./postgres-consumer.ts";

/** Where warnings go; a pino logger fits. */
export interface PostgresLogLogger {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface PostgresLogOptions {
  /** The migrated database. The pool stays the caller's: it sets the timeouts and ends it. */
  readonly pool: Pool;
  readonly topic: string;
  /** Fixed when the topic is first used; another number later is `halted`. */
  readonly partitions: number;
  /** How often to look for records appended by other processes; default 200. Our own appends are seen at once. */
  readonly pollMs?: number;
  /** An append is settled within so many ms; default 10,000. */
  readonly appendTimeoutMs?: number;
  /** The limit of one record, key and headers included; default 900 KiB. */
  readonly maxRecordBytes?: number;
  /** Bytes that may wait before appends are `throttled`; default 32 MiB. */
  readonly maxQueuedBytes?: number;
  readonly logger?: PostgresLogLogger;
}

/** The embedded log can forget what was applied. */
export interface PostgresLog extends EventLog {
  /** Deletes the records below each offset for good; offsets above the end count as the end. Throws `unavailable`. */
  trim(before: readonly OffsetCommit[]): Promise<void>;
}

/** The event log over one topic in PostgreSQL 15 or later, or PGlite. Makes the topic when first used. */
export function postgresLog(options: PostgresLogOptions): PostgresLog {
  return new EmbeddedLog(options);
}

const TRIM_ROWS = 5_000;

const MAKE_TOPIC = `
  INSERT INTO log_topic (topic, partitions) VALUES ($1, $2) ON CONFLICT (topic) DO NOTHING`;
const MAKE_PARTITIONS = `
  INSERT INTO log_partition (topic, partition)
  SELECT t.topic, p FROM log_topic t, generate_series(0, t.partitions - 1) p WHERE t.topic = $1
  ON CONFLICT (topic, partition) DO NOTHING`;
const READ_TOPIC = `
  SELECT t.partitions, i.id::text AS cluster_id FROM log_topic t, installation i WHERE t.topic = $1`;
const COMMIT_OFFSETS = `
  INSERT INTO log_commit (consumer_group, topic, partition, next_offset, metadata)
  SELECT $1, $2, p, o, m FROM unnest($3::integer[], $4::bigint[], $5::text[]) AS c (p, o, m)
  ON CONFLICT (consumer_group, topic, partition)
  DO UPDATE SET next_offset = excluded.next_offset, metadata = excluded.metadata, updated_at = now()`;
const MOVE_START = `
  UPDATE log_partition SET start_offset = greatest(start_offset, least(next_offset, $3::bigint))
  WHERE topic = $1 AND partition = $2 RETURNING start_offset`;
const DELETE_BELOW = `
  DELETE FROM log_record WHERE topic = $1 AND partition = $2 AND record_offset IN (
    SELECT record_offset FROM log_record WHERE topic = $1 AND partition = $2 AND record_offset < $3::bigint
    ORDER BY record_offset LIMIT ${TRIM_ROWS})`;

class EmbeddedLog implements PostgresLog {
  readonly #options: PostgresLogOptions;
  readonly #appender: PostgresAppender;
  readonly #consumers = new Set<PostgresConsumer>();
  #info: Promise<TopicInfo> | undefined;

  constructor(options: PostgresLogOptions) {
    if (!Number.isInteger(options.partitions) || options.partitions < 1) {
      throw new AlertCastError("invalid", `no number of partitions: ${options.partitions}`);
    }
    this.#options = options;
    this.#appender = new PostgresAppender({
      pool: options.pool,
      topic: options.topic,
      partitions: options.partitions,
      appendTimeoutMs: options.appendTimeoutMs ?? 10_000,
      maxRecordBytes: options.maxRecordBytes ?? 900 * 1024,
      maxQueuedBytes: options.maxQueuedBytes ?? 32 * 1024 * 1024,
      prepare: () => this.describe(),
      appended: () => {
        for (const consumer of this.#consumers) consumer.wake();
      },
    });
  }

  /** Makes the topic on first use. Throws `halted` when it has another number of partitions. */
  describe(): Promise<TopicInfo> {
    this.#info ??= this.#makeTopic().catch((error: unknown) => {
      this.#info = undefined;
      throw translated("cannot open the embedded log", error);
    });
    return this.#info;
  }

  async ranges(): Promise<readonly PartitionRange[]> {
    await this.describe();
    try {
      return await readRanges(this.#options.pool, this.#options.topic);
    } catch (error) {
      throw translated("cannot read the ends of the log", error);
    }
  }

  append(records: readonly NewRecord[]): Promise<void> {
    return this.#appender.append(records);
  }

  /** The listener is called only after this has resolved. Every consumer gets all partitions, whatever its group. */
  async consume(group: string, listener: ConsumerListener): Promise<LogConsumer> {
    const { pool, topic, partitions, pollMs, logger } = this.#options;
    const consumer = new PostgresConsumer({
      pool,
      topic,
      partitions,
      listener,
      pollMs: pollMs ?? 200,
      prepare: () => this.describe(),
      commit: (offsets) => this.#commit(group, offsets),
      warn: (error) => logger?.warn({ topic, group, error: messageOf(error) }, "cannot read the embedded log"),
    });
    this.#consumers.add(consumer);
    const forget = (): boolean => this.#consumers.delete(consumer);
    consumer.ended.then(forget, forget);
    return consumer;
  }

  async trim(before: readonly OffsetCommit[]): Promise<void> {
    const { pool, topic } = this.#options;
    try {
      for (const { partition, offset } of before) {
        const moved = await pool.query<{ start_offset: string }>(MOVE_START, [topic, partition, offset]);
        const start = moved.rows[0]?.start_offset;
        if (start === undefined) continue;
        let deleted: number | null;
        do {
          deleted = (await pool.query(DELETE_BELOW, [topic, partition, start])).rowCount;
        } while (deleted === TRIM_ROWS);
      }
    } catch (error) {
      throw translated("cannot trim the log", error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer[Symbol.asyncDispose]()));
    await this.#appender[Symbol.asyncDispose]();
  }

  async #commit(group: string, offsets: readonly OffsetCommit[]): Promise<void> {
    const { pool, topic } = this.#options;
    try {
      await pool.query(COMMIT_OFFSETS, [
        group,
        topic,
        offsets.map(({ partition }) => partition),
        offsets.map(({ offset }) => offset),
        offsets.map(({ metadata }) => metadata ?? null),
      ]);
    } catch (error) {
      throw translated("cannot commit offsets", error);
    }
  }

  async #makeTopic(): Promise<TopicInfo> {
    const { pool, topic, partitions } = this.#options;
    await pool.query(MAKE_TOPIC, [topic, partitions]);
    await pool.query(MAKE_PARTITIONS, [topic]);
    const read = await pool.query<{ partitions: number; cluster_id: string }>(READ_TOPIC, [topic]);
    const row = read.rows[0];
    if (row === undefined) throw new AlertCastError("internal", `topic ${topic} was not made`);
    if (row.partitions !== partitions) {
      throw new AlertCastError("halted", `topic ${topic} has ${row.partitions} partitions, not ${partitions}`);
    }
    return { clusterId: row.cluster_id, topic, partitions, timestampType: "LogAppendTime" };
  }
}

function translated(message: string, error: unknown): AlertCastError {
  if (error instanceof AlertCastError) return error;
  return new AlertCastError("unavailable", `${message}: ${messageOf(error)}`, { cause: error });
}
