// What every adapter of the event log must do, run against the real thing. Only tests import this.

import { describe, expect, test } from "vitest";
import { waitFor } from "../../test/harness/wait.ts";
import { expectSeamless, freshGroup, numbered, numberedValues, Reader, textRecord } from "../../test/log-reader.ts";
import { hasCode } from "../errors.ts";
import type { EventLog } from "./log.ts";

/** A log over a topic of its own, and what the suite needs beside the port. */
export interface LogFixture {
  readonly log: EventLog;
  /** Makes the log forget the records of a partition below an offset. */
  deleteBefore(partition: number, offset: number): Promise<void>;
}

export type MakeLog = (partitions: number) => Promise<LogFixture>;

/** Defines the suite; `makeLog` gives a fresh topic at each call. */
export function logContract(name: string, makeLog: MakeLog): void {
  describe(`${name}, as an event log`, () => {
    appendContract(makeLog);
    sizeContract(makeLog);
    consumeContract(makeLog);
    positionContract(makeLog);
  });
}

function appendContract(makeLog: MakeLog): void {
  test("describes the topic and the range of each partition", async () => {
    const { log } = await makeLog(3);
    await using _ = log;
    const info = await log.describe();
    expect(info).toMatchObject({ partitions: 3, timestampType: "LogAppendTime" });
    expect(info.clusterId).not.toBe("");
    expect(info.topic).not.toBe("");
    await log.append([textRecord(1, "a"), textRecord(1, "b"), textRecord(2, "c")]);
    expect(await log.ranges()).toEqual([
      { partition: 0, start: 0, end: 0 },
      { partition: 1, start: 0, end: 2 },
      { partition: 2, start: 0, end: 1 },
    ]);
  });

  test("an append of nothing is harmless", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    await log.append([]);
    expect(await log.ranges()).toEqual([{ partition: 0, start: 0, end: 0 }]);
  });

  test("keys, values and headers come back byte for byte, null apart from empty", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_unused, i) => i));
    await log.append([
      {
        partition: 0,
        key: "pump-α\u0000💧",
        value: everyByte,
        headers: { trace: "00-ä-01", empty: "", nul: "a\u0000b" },
      },
      { partition: 0, key: null, value: null },
      { partition: 0, key: "", value: Buffer.alloc(0), headers: {} },
    ]);
    await using reader = await Reader.open(log);
    const records = await reader.received(0, 3);
    expect(records.map(({ key, value, headers }) => ({ key, value, headers }))).toEqual([
      {
        key: Buffer.from("pump-α\u0000💧"),
        value: everyByte,
        headers: { trace: "00-ä-01", empty: "", nul: "a\u0000b" },
      },
      { key: null, value: null, headers: {} },
      { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: {} },
    ]);
  });

  test("the append time is the log's and never falls within a partition", async () => {
    const { log } = await makeLog(2);
    await using _ = log;
    for (let i = 0; i < 20; i++) await log.append([textRecord(0, `a${i}`), textRecord(1, `b${i}`)]);
    await using reader = await Reader.open(log);
    for (const partition of [0, 1]) {
      const times = (await reader.received(partition, 20)).map((record) => record.appendTimeMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(times.every((time) => Number.isInteger(time) && time > Date.UTC(2020))).toBe(true);
    }
  });

  test("what was appended can be read as soon as the append resolves", async () => {
    const { log } = await makeLog(2);
    await using _ = log;
    for (let i = 1; i <= 10; i++) {
      await log.append([textRecord(0, "a"), textRecord(1, "b"), textRecord(1, "c")]);
      const ranges = await log.ranges();
      expect(ranges.map((range) => range.end)).toEqual([i, 2 * i]);
    }
  });

  test("appends made at the same time all arrive, each in its own order", async () => {
    const { log } = await makeLog(2);
    await using _ = log;
    const names = Array.from({ length: 50 }, (_unused, i) => `w${i}-`);
    await Promise.all(names.map((name) => log.append([...numbered(0, name, 7), ...numbered(1, name, 3)])));
    await using reader = await Reader.open(log);
    await Promise.all([reader.received(0, 350), reader.received(1, 150)]);
    for (const name of names) {
      expect(reader.values(0).filter((value) => value.startsWith(name))).toEqual(numberedValues(name, 7));
      expect(reader.values(1).filter((value) => value.startsWith(name))).toEqual(numberedValues(name, 3));
    }
    expect(reader.records(0)).toHaveLength(350);
  });
}

function sizeContract(makeLog: MakeLog): void {
  test("5,000 records of 1 KiB in one append keep their order", async () => {
    const { log } = await makeLog(3);
    await using _ = log;
    const filler = "x".repeat(1024);
    const records = Array.from({ length: 5_000 }, (_unused, i) => textRecord(i % 3, `${i}:${filler}`));
    await log.append(records);
    await using reader = await Reader.open(log);
    for (const partition of [0, 1, 2]) {
      const sent = records.filter((record) => record.partition === partition).map((record) => String(record.value));
      await reader.received(partition, sent.length);
      expect(reader.values(partition)).toEqual(sent);
      expectSeamless(reader.batches, partition, 0);
    }
  });

  test("40 records of 100 KiB to one partition keep their order", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    const filler = "y".repeat(100 * 1024);
    const records = Array.from({ length: 40 }, (_unused, i) => textRecord(0, `${i}:${filler}`));
    await log.append(records);
    await using reader = await Reader.open(log);
    await reader.received(0, 40);
    expect(reader.values(0)).toEqual(records.map((record) => String(record.value)));
  });

  test("a record over the limit is refused before anything is written", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    const records = [textRecord(0, "small"), { partition: 0, key: null, value: Buffer.alloc(2 * 1024 * 1024) }];
    await expect(log.append(records)).rejects.toSatisfy((error) => hasCode(error, "too-large"));
    await log.append([textRecord(0, "next")]);
    await using reader = await Reader.open(log);
    await reader.received(0, 1);
    expect(reader.values(0)).toEqual(["next"]);
  });

  test("a record for a partition that does not exist is refused", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    await expect(log.append([textRecord(-1, "x")])).rejects.toSatisfy((error) => hasCode(error, "invalid"));
  });
}

function consumeContract(makeLog: MakeLog): void {
  test("a lone consumer is given every partition and nothing of one before it is sought", async () => {
    const { log } = await makeLog(3);
    await using _ = log;
    await log.append([0, 1, 2].flatMap((partition) => numbered(partition, "r", 5)));
    await using reader = await Reader.open(log, freshGroup(), (partition) => (partition === 1 ? undefined : 0));
    await Promise.all([reader.received(0, 5), reader.received(2, 5)]);
    await log.append([textRecord(0, "later")]);
    await reader.received(0, 6);
    expect(reader.assignments).toEqual([[0, 1, 2]]);
    expect(reader.records(1)).toEqual([]);
    reader.consumer.seek(1, 3);
    await reader.received(1, 2);
    expect(reader.values(1)).toEqual(["r3", "r4"]);
  });

  test("records appended while consuming arrive in order without a gap", async () => {
    const { log } = await makeLog(2);
    await using _ = log;
    await using reader = await Reader.open(log);
    for (let i = 0; i < 30; i++) await log.append([...numbered(0, `a${i}-`, 20), textRecord(1, `b${i}`)]);
    const records = await reader.received(0, 600);
    expect(records.map((record) => record.offset)).toEqual(Array.from({ length: 600 }, (_unused, i) => i));
    await reader.received(1, 30);
    expect(reader.values(1)).toEqual(numberedValues("b", 30));
    for (const partition of [0, 1]) expectSeamless(reader.batches, partition, 0);
  });

  test("a paused partition rests while others go on, and misses and repeats nothing afterwards", async () => {
    const { log } = await makeLog(2);
    await using _ = log;
    await using reader = await Reader.open(log);
    await log.append([...numbered(0, "r", 3), textRecord(1, "first")]);
    await Promise.all([reader.received(0, 3), reader.received(1, 1)]);
    reader.consumer.pause(0);
    for (let i = 0; i < 5; i++) {
      await log.append([textRecord(0, `r${3 + i}`), textRecord(1, `other${i}`)]);
      await reader.received(1, 2 + i);
    }
    expect(reader.records(0)).toHaveLength(3);
    reader.consumer.resume(0);
    await log.append([textRecord(0, "r8")]);
    await reader.received(0, 9);
    expect(reader.values(0)).toEqual(numberedValues("r", 9));
    expectSeamless(reader.batches, 0, 0);
  });

  test("pausing at each batch and resuming later loses and repeats nothing", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    const filler = "z".repeat(1024);
    await log.append(Array.from({ length: 4_000 }, (_unused, i) => textRecord(0, `${i}:${filler}`)));
    await using reader = await Reader.open(log);
    const deliver = reader.batch.bind(reader);
    reader.batch = (batch) => {
      deliver(batch);
      reader.consumer.pause(0);
      setImmediate(() => reader.consumer.resume(0));
    };
    const records = await reader.received(0, 4_000);
    expect(records.map((record) => record.offset)).toEqual(Array.from({ length: 4_000 }, (_unused, i) => i));
    expectSeamless(reader.batches, 0, 0);
  });

  test("a commit with metadata is accepted", async () => {
    const { log } = await makeLog(2);
    await using _ = log;
    await log.append([textRecord(0, "a")]);
    await using reader = await Reader.open(log);
    await reader.received(0, 1);
    await reader.consumer.commit([]);
    await reader.consumer.commit([
      { partition: 0, offset: 1, metadata: '{"busyMs":1}' },
      { partition: 1, offset: 0 },
    ]);
    await reader.consumer.commit([{ partition: 0, offset: 1 }]);
  });

  test("a disposed consumer has ended and is told nothing more", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    const group = freshGroup();
    const reader = await Reader.open(log, group);
    await log.append([textRecord(0, "before")]);
    await reader.received(0, 1);
    await reader[Symbol.asyncDispose]();
    await reader.consumer.ended;
    await log.append([textRecord(0, "after")]);
    await using next = await Reader.open(log, group);
    await next.received(0, 2);
    expect(reader.values(0)).toEqual(["before"]);
    await reader[Symbol.asyncDispose]();
  });

  test("a consumer that is disposed at once ends too", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    const reader = await Reader.open(log);
    await reader[Symbol.asyncDispose]();
    await reader.consumer.ended;
  });

  test("a closed log takes no more records", async () => {
    const { log } = await makeLog(1);
    await log.append([textRecord(0, "a")]);
    await log[Symbol.asyncDispose]();
    await expect(log.append([textRecord(0, "b")])).rejects.toSatisfy((error) => hasCode(error, "unavailable"));
  });
}

function positionContract(makeLog: MakeLog): void {
  test("a consumer goes on where seek says, forth and back", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    await log.append(numbered(0, "r", 100));
    await using reader = await Reader.open(log, freshGroup(), () => 90);
    await reader.received(0, 10);
    expect(reader.values(0)).toEqual(numberedValues("r", 100).slice(90));
    for (const offset of [0, 50, 99, 10]) {
      reader.batches.length = 0;
      reader.consumer.seek(0, offset);
      await reader.received(0, 100 - offset);
      expect(reader.values(0)).toEqual(numberedValues("r", 100).slice(offset));
      expectSeamless(reader.batches, 0, offset);
    }
  });

  test("the last of several seeks counts", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    await log.append(numbered(0, "r", 100));
    await using reader = await Reader.open(log, freshGroup(), () => undefined);
    await reader.isAssigned();
    for (const offset of [0, 99, 3, 70]) reader.consumer.seek(0, offset);
    await reader.received(0, 30);
    expect(reader.values(0)).toEqual(numberedValues("r", 100).slice(70));
  });

  test("a seek from within a batch is where the next batch starts", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    await log.append(numbered(0, "r", 10));
    await using reader = await Reader.open(log);
    const deliver = reader.batch.bind(reader);
    reader.batch = (batch) => {
      deliver(batch);
      if (reader.batches.length === 1) reader.consumer.seek(0, 2);
    };
    await waitFor(() => reader.batches.length >= 2, { what: "a second batch" });
    expect(reader.batches[1]?.fetchedOffset).toBe(2);
    expect(reader.batches[1]?.records[0]?.offset).toBe(2);
  });

  test("a consumer at the end of a partition gets what is appended next", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    await log.append(numbered(0, "r", 10));
    await using reader = await Reader.open(log, freshGroup(), () => 10);
    await reader.isAssigned();
    await log.append([textRecord(0, "next")]);
    await reader.received(0, 1);
    expect(reader.values(0)).toEqual(["next"]);
  });

  test("an offset that the log no longer has ends the consumer as halted", async () => {
    const { log, deleteBefore } = await makeLog(1);
    await using _ = log;
    await log.append(numbered(0, "r", 10));
    await deleteBefore(0, 4);
    expect(await log.ranges()).toEqual([{ partition: 0, start: 4, end: 10 }]);
    await using kept = await Reader.open(log, freshGroup(), () => 4);
    await kept.received(0, 6);
    await using reader = await Reader.open(log, freshGroup(), () => 3);
    await expect(reader.consumer.ended).rejects.toSatisfy((error) => hasCode(error, "halted"));
    expect(reader.batches).toEqual([]);
  });

  test("an offset above the end of the log ends the consumer as halted", async () => {
    const { log } = await makeLog(1);
    await using _ = log;
    await log.append(numbered(0, "r", 10));
    await using reader = await Reader.open(log, freshGroup(), () => 11);
    await expect(reader.consumer.ended).rejects.toSatisfy((error) => hasCode(error, "halted"));
    expect(reader.batches).toEqual([]);
  });
}
