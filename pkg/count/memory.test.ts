import { expect, test } from "vitest";
import { countsOf } from "../ticket/counts.ts";
import { liveCountsContract } from "./contract.ts";
import { memoryCounts } from "./memory.ts";

liveCountsContract("memory", async () => memoryCounts());

test("the age counts from the last write, refused ones not included", async () => {
  let nowMs = 1_000;
  const counts = memoryCounts(() => nowMs);
  const reading = { installationId: "one", version: 2, counts: countsOf(() => 1) };
  await counts.write(reading);
  nowMs += 300;
  expect((await counts.read())?.ageMs).toBe(300);
  await counts.write({ ...reading, version: 1 });
  expect((await counts.read())?.ageMs).toBe(300);
  await counts.write(reading);
  expect((await counts.read())?.ageMs).toBe(0);
});
