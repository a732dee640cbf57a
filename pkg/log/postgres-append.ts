// Appends to the embedded log: one transaction at a time, carrying whatever waits. Never reads records.

import type { Pool, PoolClient } from "pg";
import { AlertCastError, messageOf } from "../errors.ts";
import type { NewRecord } from "./log.ts";
import { settled } from "./wait.ts";

/** What one transaction carries at most, unless a single append is larger. */
const MAX_TRANSACTION_BYTES = 4 * 1024 * 1024;
const MAX_INSERT_ROWS = 1_000;
const MAX_INSERT_BYTES = 1024 * 1024;
const RECORD_OVERHEAD_BYTES = 40;

const LOCK = `
  SELECT partition FROM log_partition WHERE topic = $1 AND partition = ANY ($2::integer[])
  ORDER BY partition FOR UPDATE`;
// The clock is read after the locks, so append times follow the offsets; a clock set back cannot make them fall.
const ADVANCE = `
  UPDATE log_partition l
  SET next_offset = l.next_offset + c.n,
      last_append_ms = greatest(l.last_append_ms, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
  FROM unnest($2::integer[], $3::bigint[]) AS c (partition, n)
  WHERE l.topic = $1 AND l.partition = c.partition
  RETURNING l.partition, l.next_offset - c.n AS first_offset, l.last_append_ms`;
const INSERT = `
  INSERT INTO log_record (topic, partition, record_offset, append_time_ms, key, value, headers)
  SELECT $1, r.* FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::text[]) AS r`;

/** What the appender needs. Sizes in bytes. */
export interface AppenderSettings {
  readonly pool: Pool;
  readonly topic: string;
  readonly partitions: number;
  readonly appendTimeoutMs: number;
  readonly maxRecordBytes: number;
  readonly maxQueuedBytes: number;
  /** Called before each transaction; makes the topic once. */
  prepare(): Promise<unknown>;
  /** Called after each commit. */
  appended(): void;
}

interface Row {
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: string;
  readonly bytes: number;
}

interface Call {
  readonly rows: readonly Row[];
  readonly bytes: number;
  isSettled: boolean;
  settle(error?: AlertCastError): void;
}

interface Place {
  readonly appendTimeMs: string;
  nextOffset: number;
}

/** The appending half of the PostgreSQL adapter. */
export class PostgresAppender implements AsyncDisposable {
  readonly #settings: AppenderSettings;
  #waiting: Call[] = [];
  #queuedBytes = 0;
  #draining: Promise<void> | undefined;
  #closed = false;

  constructor(settings: AppenderSettings) {
    this.#settings = settings;
  }

  /** See EventLog.append. Throws `throttled` at once when too many bytes wait, `invalid` for a partition that is none. */
  async append(records: readonly NewRecord[]): Promise<void> {
    if (this.#closed) throw new AlertCastError("unavailable", "the log was closed");
    if (records.length === 0) return;
    const rows = records.map((record) => this.#toRow(record));
    const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
    if (this.#queuedBytes > 0 && this.#queuedBytes + bytes > this.#settings.maxQueuedBytes) {
      throw new AlertCastError("throttled", "too many bytes wait to be appended");
    }
    await new Promise<void>((resolve, reject) => {
      const call = newCall(rows, bytes, this.#settings.appendTimeoutMs, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
      this.#queuedBytes += bytes;
      this.#waiting.push(call);
      this.#draining ??= this.#drain();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    if (this.#draining !== undefined) await settled(this.#draining, 5_000);
    for (const call of this.#waiting) call.settle(new AlertCastError("unavailable", "the log was closed"));
    this.#waiting = [];
  }

  #toRow({ partition, key, value, headers }: NewRecord): Row {
    const { partitions, maxRecordBytes } = this.#settings;
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitions) {
      throw new AlertCastError("invalid", `no partition: ${partition}`);
    }
    const keyBytes = key === null ? null : Buffer.from(key, "utf8");
    const headersJson = JSON.stringify(headers ?? {});
    const bytes =
      RECORD_OVERHEAD_BYTES + (keyBytes?.length ?? 0) + (value?.length ?? 0) + Buffer.byteLength(headersJson);
    if (bytes > maxRecordBytes) {
      throw new AlertCastError("too-large", `a record of ${bytes} bytes is over the limit of ${maxRecordBytes}`);
    }
    return { partition, key: keyBytes, value, headers: headersJson, bytes };
  }

  /** Runs while appends wait; those that come in meanwhile go together into the next transaction. */
  async #drain(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    for (let calls = this.#take(); calls.length > 0; calls = this.#take()) {
      const error = await this.#write(calls.flatMap((call) => call.rows));
      for (const call of calls) {
        this.#queuedBytes -= call.bytes;
        call.settle(error);
      }
      if (error === undefined) this.#settings.appended();
    }
    this.#draining = undefined;
  }

  #take(): Call[] {
    const taken: Call[] = [];
    let bytes = 0;
    let at = 0;
    for (; at < this.#waiting.length; at++) {
      const call = this.#waiting[at] as Call;
      if (call.isSettled) {
        this.#queuedBytes -= call.bytes;
        continue;
      }
      if (taken.length > 0 && bytes + call.bytes > MAX_TRANSACTION_BYTES) break;
      taken.push(call);
      bytes += call.bytes;
    }
    this.#waiting = this.#waiting.slice(at);
    return taken;
  }

  async #write(rows: readonly Row[]): Promise<AlertCastError | undefined> {
    let client: PoolClient | undefined;
    let failure: unknown;
    try {
      await this.#settings.prepare();
      client = await this.#settings.pool.connect();
      await writeTransaction(client, this.#settings.topic, rows);
      return undefined;
    } catch (error) {
      failure = error;
      if (error instanceof AlertCastError) return error;
      return new AlertCastError("unavailable", `cannot append: ${messageOf(error)}`, { cause: error });
    } finally {
      // A connection that failed inside a transaction is not used again.
      client?.release(failure !== undefined);
    }
  }
}

function newCall(
  rows: readonly Row[],
  bytes: number,
  timeoutMs: number,
  finish: (error?: AlertCastError) => void,
): Call {
  const timer = setTimeout(() => {
    call.settle(new AlertCastError("unavailable", `the append was not confirmed within ${timeoutMs} ms`));
  }, timeoutMs);
  const call: Call = {
    rows,
    bytes,
    isSettled: false,
    settle(error) {
      if (call.isSettled) return;
      call.isSettled = true;
      clearTimeout(timer);
      finish(error);
    },
  };
  return call;
}

async function writeTransaction(client: PoolClient, topic: string, rows: readonly Row[]): Promise<void> {
  const counts = new Map<number, number>();
  for (const { partition } of rows) counts.set(partition, (counts.get(partition) ?? 0) + 1);
  const partitions = [...counts.keys()];
  await client.query("BEGIN");
  await client.query(LOCK, [topic, partitions]);
  const advanced = await client.query<{ partition: number; first_offset: string; last_append_ms: string }>(ADVANCE, [
    topic,
    partitions,
    [...counts.values()],
  ]);
  const places = new Map<number, Place>();
  for (const row of advanced.rows) {
    places.set(row.partition, { nextOffset: Number(row.first_offset), appendTimeMs: row.last_append_ms });
  }
  for (const chunk of chunked(rows)) await insert(client, topic, chunk, places);
  const { command } = await client.query("COMMIT");
  if (command !== "COMMIT") throw new AlertCastError("unavailable", "the append was rolled back");
}

async function insert(
  client: PoolClient,
  topic: string,
  rows: readonly Row[],
  places: ReadonlyMap<number, Place>,
): Promise<void> {
  const offsets: number[] = [];
  const times: string[] = [];
  for (const { partition } of rows) {
    const place = places.get(partition);
    if (place === undefined) throw new AlertCastError("halted", `the embedded log has lost partition ${partition}`);
    offsets.push(place.nextOffset++);
    times.push(place.appendTimeMs);
  }
  await client.query(INSERT, [
    topic,
    rows.map((row) => row.partition),
    offsets,
    times,
    rows.map((row) => row.key),
    rows.map((row) => row.value),
    rows.map((row) => row.headers),
  ]);
}

function chunked(rows: readonly Row[]): Row[][] {
  const chunks: Row[][] = [];
  let chunk: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (chunk.length > 0 && (chunk.length >= MAX_INSERT_ROWS || bytes + row.bytes > MAX_INSERT_BYTES)) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(row);
    bytes += row.bytes;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}
