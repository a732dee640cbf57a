import { expect, test } from "vitest";
import { DecodeClock } from "./decode-clock.ts";

test("one decoding in sixteen is timed and stands for all, and never for more than all of it took", () => {
  let nowMs = 0;
  let looks = 0;
  const clock = new DecodeClock(() => {
    looks++;
    return nowMs;
  });
  for (let i = 0; i < 32; i++) {
    const decoded = clock.run(() => {
      nowMs += 2;
      return i;
    });
    expect(decoded).toBe(i);
  }
  expect(looks).toBe(4);
  expect(clock.take(1000)).toBe(64);
  expect(clock.take(1000)).toBe(0);
  clock.run(() => {
    nowMs += 100;
  });
  expect(clock.take(150)).toBe(150);
});
