import { readFile } from "node:fs/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FreshDatabase, freshDatabase } from "../../test/harness/database.ts";
import { freshGroup, numbered, Reader, textRecord } from "../../test/log-reader.ts";
import { hasCode } from "../errors.ts";
import { logContract } from "./contract.ts";
import { postgresLog } from "./postgres.ts";

const migrations = new URL("../ticket/migrations/", import.meta.url);
let database: FreshDatabase;
let pool: pg.Pool;
let topics = 0;

beforeAll(async () => {
  database = await freshDatabase();
  pool = new pg.Pool({ connectionString: database.url, max: 6 });
  for (const file of ["0001_core.sql", "0002_embedded_log.sql"]) {
    await pool.query(await readFile(new URL(file, migrations), "utf8"));
  }
});

afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

logContract("PostgreSQL", async (partitions) => {
  const log = postgresLog({ pool, topic: `topic-${topics++}`, partitions });
  return { log, deleteBefore: (partition, offset) => log.trim([{ partition, offset }]) };
});

test("a topic reopened with another number of partitions is halted", async () => {
  await using first = postgresLog({ pool, topic: "fixed", partitions: 2 });
  await first.append([textRecord(1, "a")]);
  await using second = postgresLog({ pool, topic: "fixed", partitions: 3 });
  await expect(second.describe()).rejects.toSatisfy((error) => hasCode(error, "halted"));
  await expect(second.append([textRecord(2, "b")])).rejects.toSatisfy((error) => hasCode(error, "halted"));
  const reader = await Reader.open(second);
  await expect(reader.consumer.ended).rejects.toSatisfy((error) => hasCode(error, "halted"));
});

test("two logs over one topic append in one order and each sees what the other appended", async () => {
  await using one = postgresLog({ pool, topic: "shared", partitions: 1, pollMs: 20 });
  await using two = postgresLog({ pool, topic: "shared", partitions: 1, pollMs: 20 });
  await using reader = await Reader.open(one);
  const appends = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? one : two).append(numbered(0, `w${i}-`, 5)));
  await Promise.all(appends);
  const records = await reader.received(0, 200);
  expect(records.map((record) => record.offset)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  const times = records.map((record) => record.appendTimeMs);
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

test("a trim above the end forgets everything and the next record keeps its offset", async () => {
  await using log = postgresLog({ pool, topic: "trimmed", partitions: 1 });
  await log.append(numbered(0, "r", 20));
  await log.trim([{ partition: 0, offset: 1_000 }]);
  expect(await log.ranges()).toEqual([{ partition: 0, start: 20, end: 20 }]);
  await log.trim([{ partition: 0, offset: 5 }]);
  await log.append([textRecord(0, "next")]);
  expect(await log.ranges()).toEqual([{ partition: 0, start: 20, end: 21 }]);
  const left = await pool.query("SELECT record_offset FROM log_record WHERE topic = 'trimmed'");
  expect(left.rows).toEqual([{ record_offset: "20" }]);
});

test("an append time does not fall when the database's clock was set back", async () => {
  await using log = postgresLog({ pool, topic: "clock", partitions: 1 });
  await log.append([textRecord(0, "a")]);
  const future = Date.UTC(2100);
  await pool.query("UPDATE log_partition SET last_append_ms = $1 WHERE topic = 'clock'", [future]);
  await log.append([textRecord(0, "b")]);
  await using reader = await Reader.open(log);
  const records = await reader.received(0, 2);
  expect(records[1]?.appendTimeMs).toBe(future);
});

test("an append that the database does not answer is unavailable at its deadline", async () => {
  await using log = postgresLog({ pool, topic: "stuck", partitions: 1, appendTimeoutMs: 100 });
  await log.describe();
  const blocker = await pool.connect();
  try {
    await blocker.query("BEGIN");
    await blocker.query("SELECT 1 FROM log_partition WHERE topic = 'stuck' FOR UPDATE");
    await expect(log.append([textRecord(0, "a")])).rejects.toSatisfy((error) => hasCode(error, "unavailable"));
  } finally {
    await blocker.query("ROLLBACK");
    blocker.release();
  }
});

test("too many waiting bytes are throttled at once", async () => {
  await using log = postgresLog({ pool, topic: "throttled", partitions: 1, maxQueuedBytes: 1_000 });
  const big = { partition: 0, key: null, value: Buffer.alloc(900) };
  const first = log.append([big]);
  await expect(log.append([big])).rejects.toSatisfy((error) => hasCode(error, "throttled"));
  await first;
  await log.append([big]);
});

test("a consumer waits for a database that is not migrated yet", async () => {
  await using empty = await freshDatabase();
  const early = new pg.Pool({ connectionString: empty.url, max: 3 });
  try {
    await using log = postgresLog({ pool: early, topic: "early", partitions: 1, pollMs: 10 });
    await using reader = await Reader.open(log, freshGroup());
    await expect(log.describe()).rejects.toSatisfy((error) => hasCode(error, "unavailable"));
    for (const file of ["0001_core.sql", "0002_embedded_log.sql"]) {
      await early.query(await readFile(new URL(file, migrations), "utf8"));
    }
    await log.append([textRecord(0, "a")]);
    await reader.received(0, 1);
  } finally {
    await early.end();
  }
});
