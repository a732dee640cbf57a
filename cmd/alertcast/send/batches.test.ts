import { expect, test } from "vitest";
import { type BatchOptions, batches } from "./batches.ts";
import type { Row } from "./rows.ts";

const never = new AbortController().signal;
const row = (line: number, bytes = 10): Row => ({ line, event: Buffer.alloc(bytes, "x") });
const OPTIONS: BatchOptions = { events: 3, bytes: 1000, lingerMs: 600_000, signal: never };

async function linesOf(rows: AsyncIterable<readonly Row[]>, options: Partial<BatchOptions> = {}): Promise<number[][]> {
  const found: number[][] = [];
  for await (const batch of batches(rows[Symbol.asyncIterator](), { ...OPTIONS, ...options }))
    found.push(batch.map(({ line }) => line));
  return found;
}

test("batches are full, in order, and the last holds the rest", async () => {
  async function* rows() {
    yield [1, 2].map((line) => row(line));
    yield [3, 4, 5, 6, 7, 8].map((line) => row(line));
  }
  expect(await linesOf(rows())).toEqual([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8],
  ]);
});

test("a batch ends before it has too many bytes, and an event that is larger goes alone", async () => {
  async function* rows() {
    yield [row(1), row(2, 980), row(3, 980), row(4, 2000), row(5)];
  }
  expect(await linesOf(rows())).toEqual([[1, 2], [3], [4], [5]]);
});

test("what was read is handed on while the input stays open", async () => {
  let close = () => {};
  async function* rows() {
    yield [row(1)];
    await new Promise<void>((resolve) => {
      close = resolve;
    });
    yield [row(2)];
  }
  const found = batches(rows(), { ...OPTIONS, lingerMs: 1 });
  expect((await found.next()).value).toEqual([row(1)]);
  close();
  expect((await found.next()).value).toEqual([row(2)]);
  expect((await found.next()).done).toBe(true);
});

test("where the input fails, what came before it is handed on first", async () => {
  async function* rows() {
    yield [row(1)];
    throw new Error("broken");
  }
  const found = batches(rows(), OPTIONS);
  expect((await found.next()).value).toEqual([row(1)]);
  await expect(found.next()).rejects.toThrow("broken");
});

test("an abort ends the batches although the input gives nothing", async () => {
  const stop = new AbortController();
  async function* rows() {
    yield [row(1)];
    stop.abort();
    await new Promise(() => {});
  }
  expect(await linesOf(rows(), { signal: stop.signal })).toEqual([]);
});
