import { expect, test } from "vitest";
import { BusyClock } from "./busy-clock.ts";

function world() {
  const time = { nowMs: 0, activeMs: 0 };
  const clock = new BusyClock(
    () => time.nowMs,
    () => time.activeMs,
  );
  return { time, clock };
}

test("a process that only waits for records is not busy", () => {
  const { time, clock } = world();
  time.nowMs = 1000;
  expect(clock.take()).toBe(0);
});

test("the loop's own time counts since the last call", () => {
  const { time, clock } = world();
  Object.assign(time, { nowMs: 1000, activeMs: 300 });
  expect(clock.take()).toBe(300);
  Object.assign(time, { nowMs: 2000, activeMs: 350 });
  expect(clock.take()).toBe(50);
});

test("waits that overlap count once, one that is still open counts so far, and never more than the time that passed", async () => {
  const { time, clock } = world();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const waits = [clock.during(first.promise), clock.during(second.promise)];
  time.nowMs = 400;
  first.resolve();
  await waits[0];
  time.nowMs = 600;
  expect(clock.take()).toBe(600);
  time.nowMs = 700;
  second.resolve();
  await waits[1];
  Object.assign(time, { nowMs: 1600, activeMs: 50 });
  expect(clock.take()).toBe(150);
  Object.assign(time, { nowMs: 1700, activeMs: 1050 });
  expect(clock.take()).toBe(100);
});

test("a wait that fails ends too", async () => {
  const { time, clock } = world();
  const failing = Promise.withResolvers<void>();
  const wait = clock.during(failing.promise);
  time.nowMs = 100;
  failing.reject(new Error("away"));
  await expect(wait).rejects.toThrow("away");
  time.nowMs = 500;
  expect(clock.take()).toBe(100);
});
