// What the contract suite of the event log reads with, and the records it writes. Only tests import this.

import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import type { Batch, ConsumerListener, EventLog, LogConsumer, LogRecord, NewRecord } from "../pkg/log/log.ts";
import { waitFor } from "./harness/wait.ts";

/** A consumer and all it was told. New partitions are sought to `start`, 0 unless told; undefined leaves them alone. */
export class Reader implements ConsumerListener, AsyncDisposable {
  readonly assignments: (readonly number[])[] = [];
  readonly batches: Batch[] = [];
  readonly #start: (partition: number) => number | undefined;
  #consumer: LogConsumer | undefined;

  private constructor(start: (partition: number) => number | undefined) {
    this.#start = start;
  }

  static async open(
    log: EventLog,
    group: string = freshGroup(),
    start: (partition: number) => number | undefined = () => 0,
  ): Promise<Reader> {
    const reader = new Reader(start);
    reader.#consumer = await log.consume(group, reader);
    return reader;
  }

  get consumer(): LogConsumer {
    if (this.#consumer === undefined) throw new Error("the listener was called before consume() had resolved");
    return this.#consumer;
  }

  assigned(partitions: readonly number[]): void {
    const before = this.assignments.at(-1) ?? [];
    this.assignments.push(partitions);
    for (const partition of partitions) {
      const offset = before.includes(partition) ? undefined : this.#start(partition);
      if (offset !== undefined) this.consumer.seek(partition, offset);
    }
  }

  batch(batch: Batch): void {
    this.batches.push(batch);
  }

  records(partition: number): LogRecord[] {
    return this.batches.filter((batch) => batch.partition === partition).flatMap((batch) => batch.records);
  }

  values(partition: number): string[] {
    return this.records(partition).map((record) => String(record.value));
  }

  /** Waits until `count` records of the partition were delivered. */
  async received(partition: number, count: number): Promise<LogRecord[]> {
    await waitFor(() => this.records(partition).length >= count, {
      what: `${count} records of partition ${partition} (the last had offset ${this.records(partition).at(-1)?.offset})`,
    });
    return this.records(partition);
  }

  async isAssigned(): Promise<void> {
    await waitFor(() => this.assignments.length > 0, { what: "an assignment" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.consumer[Symbol.asyncDispose]();
  }
}

/** A group nobody else is in. */
export function freshGroup(): string {
  return `group-${randomBytes(8).toString("hex")}`;
}

export function textRecord(partition: number, value: string): NewRecord {
  return { partition, key: null, value: Buffer.from(value) };
}

/** `count` records to one partition whose values are `name` and a number from 0. */
export function numbered(partition: number, name: string, count: number): NewRecord[] {
  return Array.from({ length: count }, (_, i) => textRecord(partition, `${name}${i}`));
}

export function numberedValues(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name}${i}`);
}

/** Each batch goes on where the one before ended, and its records lie between fetchedOffset and nextOffset. */
export function expectSeamless(batches: readonly Batch[], partition: number, from: number): void {
  let position = from;
  for (const batch of batches) {
    if (batch.partition !== partition) continue;
    expect(batch.fetchedOffset).toBe(position);
    expect(batch.nextOffset).toBeGreaterThan(position);
    expect(batch.end).toBeGreaterThanOrEqual(batch.nextOffset);
    for (const { offset } of batch.records) {
      expect(offset).toBeGreaterThanOrEqual(position);
      position = offset + 1;
    }
    expect(batch.nextOffset).toBeGreaterThanOrEqual(position);
    position = batch.nextOffset;
  }
}
