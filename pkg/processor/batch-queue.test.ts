import { expect, test } from "vitest";
import type { Batch } from "../log/log.ts";
import { BatchQueue } from "./batch-queue.ts";

test("the time a batch waits for its turn is known when it is taken", async () => {
  let nowMs = 0;
  const queue = new BatchQueue(1000, { pause: () => undefined, resume: () => undefined }, () => nowMs);
  const batch = (fetchedOffset: number): Batch => ({ partition: 0, fetchedOffset, records: [], nextOffset: 0, end: 0 });
  queue.push(batch(1));
  nowMs = 30;
  queue.push(batch(2));
  nowMs = 50;
  expect((await queue.next())?.fetchedOffset).toBe(1);
  expect(queue.waitedMs).toBe(50);
  expect((await queue.next())?.fetchedOffset).toBe(2);
  expect(queue.waitedMs).toBe(20);
  queue.wake();
  expect((await queue.next())?.partition).toBe(-1);
  expect(queue.waitedMs).toBe(0);
});
