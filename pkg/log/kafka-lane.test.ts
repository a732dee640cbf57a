import { describe, expect, test } from "vitest";
import { AlertCastError, hasCode } from "../errors.ts";
import { Call, cutByPartition, Lane, recordBytes } from "./kafka-lane.ts";
import type { NewRecord } from "./log.ts";

const record = (partition: number, bytes: number): NewRecord => ({ partition, key: null, value: Buffer.alloc(bytes) });

describe("cutting an append", () => {
  test("keeps each partition's order and cuts by bytes", () => {
    const records = [record(0, 60), record(1, 10), record(0, 61), record(0, 62)];
    const cut = cutByPartition(records, 210);
    expect([...cut.keys()]).toEqual([0, 1]);
    const sizes = cut.get(0)?.map(({ messages }) => messages.map(({ value }) => value?.length));
    expect(sizes).toEqual([[60, 61], [62]]);
    for (const { bytes } of [...cut.values()].flat()) expect(bytes).toBeLessThanOrEqual(210);
  });

  test("cuts long lists of small records too", () => {
    const cut = cutByPartition(
      Array.from({ length: 2_500 }, () => record(0, 1)),
      900 * 1024,
    );
    expect(cut.get(0)?.map(({ messages }) => messages.length)).toEqual([1_000, 1_000, 500]);
  });

  test("counts key, value and headers in bytes", () => {
    const value = Buffer.alloc(100);
    const bare = recordBytes({ partition: 0, key: null, value: null });
    expect(recordBytes({ partition: 0, key: "ä", value })).toBe(bare + 102);
    expect(recordBytes({ partition: 0, key: null, value, headers: { ä: "öö" } })).toBeGreaterThanOrEqual(bare + 106);
  });

  test("refuses a record over the limit and a partition that is none", () => {
    expect(() => cutByPartition([record(0, 1), record(0, 300)], 210)).toThrow(AlertCastError);
    expect(() => cutByPartition([record(1.5, 1)], 210)).toThrow("no partition");
  });
});

describe("a lane", () => {
  const pieceOf = (call: Call, bytes: number) => ({ messages: [{ value: Buffer.alloc(1) }], bytes, call });

  test("gives as many pieces as one request carries, and counts bytes until they are released", () => {
    const lane = new Lane(0, 100);
    const call = new Call(60_000);
    for (const bytes of [40, 60, 10]) lane.push(pieceOf(call, bytes));
    const first = lane.take();
    expect(first.map(({ bytes }) => bytes)).toEqual([40, 60]);
    expect(lane.queuedBytes).toBe(110);
    lane.release(first);
    expect(lane.queuedBytes).toBe(10);
    expect(lane.take().map(({ bytes }) => bytes)).toEqual([10]);
    expect(lane.take()).toEqual([]);
    for (let i = 0; i < 3; i++) call.pieceDone();
    return call.done;
  });

  test("drops the rest of an append that has failed", async () => {
    const lane = new Lane(0, 100);
    const [failed, other] = [new Call(60_000), new Call(60_000)];
    lane.push(pieceOf(failed, 50));
    lane.push(pieceOf(other, 20));
    failed.fail(new AlertCastError("too-large", "refused"));
    await expect(failed.done).rejects.toSatisfy((error) => hasCode(error, "too-large"));
    expect(lane.take().map(({ call }) => call)).toEqual([other]);
    expect(lane.queuedBytes).toBe(20);
    other.pieceDone();
    await other.done;
  });

  test("an append fails at its deadline with the last try's error as cause", async () => {
    const call = new Call(1);
    call.lastError = new Error("no leader");
    const error: unknown = await call.done.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "unavailable", cause: call.lastError });
  });
});
