// Reads the embedded log in one loop, woken by our own appends. Never delivers anything that was read for another position.

import type { Pool } from "pg";
import { AlertCastError, messageOf } from "../errors.ts";
import type {
  Batch,
  ConsumerListener,
  Headers,
  LogConsumer,
  LogRecord,
  OffsetCommit,
  PartitionRange,
  TopicInfo,
} from "./log.ts";
import { pause, settled } from "./wait.ts";

const MAX_BATCH_RECORDS = 1_000;
const MAX_BATCH_BYTES = 1024 * 1024;
const MAX_RETRY_PAUSE_MS = 2_000;
const DISPOSE_TIMEOUT_MS = 5_000;

const READ_RANGES = `
  SELECT partition, start_offset, next_offset FROM log_partition WHERE topic = $1 ORDER BY partition`;
// The first record always comes, however large; after it, as many as fit.
const READ_BATCH = `
  SELECT record_offset, append_time_ms, key, value, headers FROM (
    SELECT r.*, sum(size) OVER (ORDER BY record_offset) - size AS bytes_before FROM (
      SELECT record_offset, append_time_ms, key, value, headers,
        coalesce(octet_length(key), 0) + coalesce(octet_length(value), 0) + octet_length(headers) AS size
      FROM log_record WHERE topic = $1 AND partition = $2 AND record_offset >= $3::bigint
      ORDER BY record_offset LIMIT ${MAX_BATCH_RECORDS}) r) s
  WHERE bytes_before < ${MAX_BATCH_BYTES} ORDER BY record_offset`;

/** Start and end of every partition, ascending. */
export async function readRanges(pool: Pool, topic: string): Promise<PartitionRange[]> {
  type Row = { partition: number; start_offset: string; next_offset: string };
  const { rows } = await pool.query<Row>(READ_RANGES, [topic]);
  return rows.map(({ partition, start_offset, next_offset }) => {
    return { partition, start: Number(start_offset), end: Number(next_offset) };
  });
}

export interface PostgresConsumerSettings {
  readonly pool: Pool;
  readonly topic: string;
  readonly partitions: number;
  readonly listener: ConsumerListener;
  readonly pollMs: number;
  /** Makes the topic; called until it succeeds. */
  prepare(): Promise<TopicInfo>;
  commit(offsets: readonly OffsetCommit[]): Promise<void>;
  /** Told of each first failure to read in a row. */
  warn(error: unknown): void;
}

interface Held {
  /** The next offset to deliver; undefined until the first seek. */
  position: number | undefined;
  paused: boolean;
  /** Grows with each seek. */
  seeks: number;
}

/** See LogConsumer. Holds all partitions from its start to its end. */
export class PostgresConsumer implements LogConsumer {
  readonly ended: Promise<void>;
  readonly #settings: PostgresConsumerSettings;
  readonly #stop = new AbortController();
  readonly #held = new Map<number, Held>();
  #isWoken = false;
  #wake: AbortController | undefined;

  constructor(settings: PostgresConsumerSettings) {
    this.#settings = settings;
    this.ended = this.#run();
    // Whoever looks at `ended` later still gets the error; until then it must not end the process by itself.
    this.ended.catch(() => undefined);
  }

  seek(partition: number, offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new AlertCastError("invalid", `no offset: ${offset}`);
    const held = this.#held.get(partition);
    if (held === undefined) return;
    held.position = offset;
    held.seeks++;
    this.wake();
  }

  pause(partition: number): void {
    const held = this.#held.get(partition);
    if (held !== undefined) held.paused = true;
  }

  resume(partition: number): void {
    const held = this.#held.get(partition);
    if (held === undefined) return;
    held.paused = false;
    this.wake();
  }

  async commit(offsets: readonly OffsetCommit[]): Promise<void> {
    if (offsets.length > 0) await this.#settings.commit(offsets);
  }

  /** Look for records now. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.wake();
    await settled(this.ended, DISPOSE_TIMEOUT_MS);
  }

  async #run(): Promise<void> {
    const { pollMs, listener, partitions, warn } = this.#settings;
    const { signal } = this.#stop;
    let isPrepared = false;
    let failures = 0;
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (!signal.aborted) {
      this.#isWoken = false;
      let isBehind = false;
      try {
        if (isPrepared) {
          isBehind = await this.#round();
        } else {
          await this.#settings.prepare();
          if (signal.aborted) return;
          for (let p = 0; p < partitions; p++) this.#held.set(p, { position: undefined, paused: false, seeks: 0 });
          isPrepared = isBehind = true;
          listener.assigned([...this.#held.keys()]);
        }
        failures = 0;
      } catch (error) {
        if (error instanceof AlertCastError && error.code !== "unavailable") throw error;
        if (failures++ === 0) warn(error);
        await pause(Math.min(pollMs * 2 ** Math.min(failures, 10), MAX_RETRY_PAUSE_MS), signal);
      }
      if (!isBehind) await this.#rest(pollMs);
    }
  }

  async #rest(ms: number): Promise<void> {
    if (this.#isWoken) return;
    this.#wake = new AbortController();
    await pause(ms, this.#wake.signal);
    this.#wake = undefined;
  }

  /** Delivers at most one batch of each partition; true if there may be more. */
  async #round(): Promise<boolean> {
    const { pool, topic } = this.#settings;
    const isReading = [...this.#held.values()].some(({ position, paused }) => position !== undefined && !paused);
    if (!isReading) return false;
    let isBehind = false;
    const asked = [...this.#held].map(([partition, { position, seeks }]) => ({ partition, position, seeks }));
    const ranges = new Map((await readRanges(pool, topic)).map((range) => [range.partition, range]));
    for (const { partition, position, seeks } of asked) {
      const held = this.#held.get(partition);
      if (position === undefined || held?.seeks !== seeks || held.paused || this.#stop.signal.aborted) continue;
      const range = ranges.get(partition) ?? { partition, start: 0, end: 0 };
      if (position < range.start || position > range.end) throw this.#lost(partition, position, range);
      if (position === range.end) continue;
      const batch = await this.#read(partition, position, range);
      if (this.#stop.signal.aborted || held.seeks !== seeks || held.paused) continue;
      held.position = batch.nextOffset;
      isBehind ||= batch.nextOffset < range.end;
      this.#deliver(batch);
    }
    return isBehind;
  }

  async #read(partition: number, fetchedOffset: number, range: PartitionRange): Promise<Batch> {
    const { pool, topic } = this.#settings;
    const { rows } = await pool.query<RecordRow>(READ_BATCH, [topic, partition, fetchedOffset]);
    const records = rows.map(toRecord);
    // Offsets have no gaps: the first record is the wanted one, or it was trimmed just now.
    if (records[0]?.offset !== fetchedOffset) throw this.#lost(partition, fetchedOffset, range);
    const nextOffset = fetchedOffset + records.length;
    return { partition, fetchedOffset, records, nextOffset, end: Math.max(range.end, nextOffset) };
  }

  #deliver(batch: Batch): void {
    try {
      this.#settings.listener.batch(batch);
    } catch (error) {
      throw new AlertCastError("internal", `the listener failed: ${messageOf(error)}`, { cause: error });
    }
  }

  #lost(partition: number, position: number, { start, end }: PartitionRange): AlertCastError {
    const where = `offset ${position} of ${this.#settings.topic}/${partition}`;
    return new AlertCastError("halted", `${where} is not in the log, which has ${start} to ${end}`);
  }
}

interface RecordRow {
  readonly record_offset: string;
  readonly append_time_ms: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: string;
}

function toRecord(row: RecordRow): LogRecord {
  return {
    offset: Number(row.record_offset),
    appendTimeMs: Number(row.append_time_ms),
    key: row.key,
    value: row.value,
    headers: JSON.parse(row.headers) as Headers,
  };
}
