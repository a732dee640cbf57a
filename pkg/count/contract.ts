// What every adapter of the live counters must do; each adapter's test runs it.
import { expect, test } from "vitest";
import { countsOf } from "../ticket/counts.ts";
import type { CountsReading } from "../ticket/read.ts";
import type { LiveCounts } from "./counts.ts";

function reading(version: number, n: number, installationId = "one"): CountsReading {
  return {
    installationId,
    version,
    counts: countsOf((severity, status) => (severity === "high" && status === "open" ? n : 0)),
  };
}

/** @param empty gives counters that hold nothing */
export function liveCountsContract(source: LiveCounts["source"], empty: () => Promise<LiveCounts>): void {
  test("the counters say what they are kept in", async () => {
    expect((await empty()).source).toBe(source);
  });

  test("empty counters have no reading", async () => {
    const counts = await empty();
    expect(await counts.read()).toBeUndefined();
  });

  test("what was written is read back whole, with an age", async () => {
    const counts = await empty();
    expect(await counts.write(reading(3, 5))).toBe(true);
    const read = await counts.read();
    expect(read).toMatchObject(reading(3, 5));
    expect(read?.ageMs).toBeGreaterThanOrEqual(0);
  });

  test("a higher version replaces, a lower one does not", async () => {
    const counts = await empty();
    await counts.write(reading(9, 5));
    expect(await counts.write(reading(10, 6))).toBe(true);
    expect(await counts.write(reading(9, 5))).toBe(false);
    expect(await counts.read()).toMatchObject(reading(10, 6));
  });

  test("the same version again confirms what is there", async () => {
    const counts = await empty();
    await counts.write(reading(3, 5));
    expect(await counts.write(reading(3, 5))).toBe(true);
    expect(await counts.read()).toMatchObject(reading(3, 5));
  });

  test("each installation has counts of its own, and those of the one last written are read", async () => {
    const counts = await empty();
    await counts.write(reading(900, 5));
    expect(await counts.write(reading(1, 2, "two"))).toBe(true);
    expect(await counts.read()).toMatchObject(reading(1, 2, "two"));
    expect(await counts.write(reading(899, 4))).toBe(false);
    expect(await counts.read()).toMatchObject(reading(900, 5));
  });

  test("writers in any order leave the newest", async () => {
    const counts = await empty();
    const versions = [4, 1, 7, 3, 6, 2, 5];
    await Promise.all(versions.map((version) => counts.write(reading(version, version * 10))));
    expect(await counts.read()).toMatchObject(reading(7, 70));
  });

  test("versions and counts up to 2^53 are kept to the last digit", async () => {
    const counts = await empty();
    const large = Number.MAX_SAFE_INTEGER;
    await counts.write(reading(large - 1, large));
    expect(await counts.write(reading(large, large))).toBe(true);
    expect(await counts.write(reading(large - 1, 0))).toBe(false);
    expect(await counts.read()).toMatchObject(reading(large, large));
  });
}
