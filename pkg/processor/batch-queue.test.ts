import { expect, test } from "vitest";
import type { Batch } from "../log/log.ts";
import { BatchQueue } from "./batch-queue.ts";
import { ReadAhead } from "./read-ahead.ts";

/** What the queue counts for a record besides its value. */
const RECORD_OVERHEAD_BYTES = 64;

function emptyBatch(fetchedOffset: number): Batch {
  return { partition: 0, fetchedOffset, records: [], nextOffset: 0, end: 0 };
}

function batchOf(bytes: number): Batch {
  const value = Buffer.alloc(bytes - RECORD_OVERHEAD_BYTES);
  const record = { partition: 0, offset: 0, key: null, value, appendTimeMs: 0, headers: {} };
  return { ...emptyBatch(0), records: [record], nextOffset: 1 };
}

/** The queue of a partition whose log delivers batches of so many bytes whenever it may. */
function partition(readAhead: ReadAhead, batchBytes: number) {
  const log = { paused: false };
  const flow = {
    pause: () => {
      log.paused = true;
    },
    resume: () => {
      log.paused = false;
    },
  };
  const queue = new BatchQueue(readAhead, flow, () => 0);
  let heldBytes = 0;
  return {
    log,
    queue,
    heldBytes: () => heldBytes,
    fetch() {
      if (log.paused) return;
      queue.push(batchOf(batchBytes));
      heldBytes += batchBytes;
    },
    async work(): Promise<number> {
      const batch = await queue.next();
      heldBytes -= batchBytes;
      return batch?.records.length ?? 0;
    },
  };
}

function fill(partitions: readonly { log: { paused: boolean }; fetch(): void }[]): void {
  for (let round = 0; round < 10_000 && partitions.some(({ log }) => !log.paused); round++) {
    for (const each of partitions) each.fetch();
  }
}

test("the time a batch waits for its turn is known when it is taken", async () => {
  let nowMs = 0;
  const readAhead = new ReadAhead({ readAheadBytes: 1000, queuedBytes: 1000 });
  const queue = new BatchQueue(readAhead, { pause: () => undefined, resume: () => undefined }, () => nowMs);
  queue.push(emptyBatch(1));
  nowMs = 30;
  queue.push(emptyBatch(2));
  nowMs = 50;
  expect((await queue.next())?.fetchedOffset).toBe(1);
  expect(queue.waitedMs).toBe(50);
  expect((await queue.next())?.fetchedOffset).toBe(2);
  expect(queue.waitedMs).toBe(20);
  queue.wake();
  expect((await queue.next())?.partition).toBe(-1);
  expect(queue.waitedMs).toBe(0);
});

test.each([1, 8, 24, 100])(
  "%i partition(s) with a backlog hold no more than the budget of the process together",
  (n) => {
    const limits = { readAheadBytes: 64_000, queuedBytes: 8000 };
    const readAhead = new ReadAhead(limits);
    const partitions = Array.from({ length: n }, () => partition(readAhead, 200));
    fill(partitions);
    const held = partitions.map(({ heldBytes }) => heldBytes());
    expect(held.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(limits.readAheadBytes);
    expect(Math.max(...held)).toBeLessThanOrEqual(limits.queuedBytes);
    // And the budget is used, a batch of each partition aside.
    const share = Math.min(limits.queuedBytes, limits.readAheadBytes / n);
    expect(Math.min(...held)).toBeGreaterThan(share - 2 * 200);
  },
);

test("each partition gets on even if a single batch is over the whole budget", async () => {
  const readAhead = new ReadAhead({ readAheadBytes: 1000, queuedBytes: 1000 });
  const partitions = Array.from({ length: 3 }, () => partition(readAhead, 2000));
  for (let round = 0; round < 5; round++) {
    for (const each of partitions) {
      each.fetch();
      expect(each.log.paused).toBe(true);
    }
    for (const each of partitions) {
      expect(await each.work()).toBe(1);
      expect(each.log.paused).toBe(false);
    }
  }
});

test("full partitions that nobody works through take nothing from the others", async () => {
  const readAhead = new ReadAhead({ readAheadBytes: 4000, queuedBytes: 4000 });
  const [stuck, other] = [partition(readAhead, 200), partition(readAhead, 200)];
  fill([stuck]);
  for (let round = 0; round < 100; round++) {
    other.fetch();
    expect(await other.work()).toBe(1);
  }
  fill([other]);
  expect(other.heldBytes()).toBe(stuck.heldBytes());
});

test("the share of a partition that is given up goes to the others, and its batches are let go", async () => {
  const readAhead = new ReadAhead({ readAheadBytes: 4000, queuedBytes: 4000 });
  const [left, stays] = [partition(readAhead, 200), partition(readAhead, 200)];
  fill([left, stays]);
  expect(stays.heldBytes()).toBe(2000);
  left.queue.close();
  left.queue.close();
  left.queue.push(batchOf(200));
  expect(left.queue.length).toBe(0);
  expect(await left.queue.next()).toBeUndefined();
  expect(stays.log.paused).toBe(true);
  expect(await stays.work()).toBe(1);
  expect(stays.log.paused).toBe(false);
  fill([stays]);
  expect(stays.heldBytes()).toBe(4000);
});
