// Reads the embedded log as it lies there, for the reference model.
import type { ClientBase, Pool } from "pg";
import type { DumpedRecord } from "./types.ts";

const RECORDS = `
  SELECT partition, record_offset::float8 AS record_offset, append_time_ms::float8 AS append_time_ms, key, value, headers
  FROM log_record WHERE topic = $1 ORDER BY partition, record_offset`;

interface Row {
  readonly partition: number;
  readonly record_offset: number;
  readonly append_time_ms: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: string;
}

/** Every record of the topic, by partition and offset. */
export async function dumpPostgresLog(pg: Pool | ClientBase, topic: string): Promise<DumpedRecord[]> {
  const { rows } = await pg.query<Row>(RECORDS, [topic]);
  return rows.map((row) => ({
    partition: row.partition,
    offset: row.record_offset,
    appendTimeMs: row.append_time_ms,
    key: row.key,
    value: row.value,
    headers: JSON.parse(row.headers),
  }));
}
