import { expect, test } from "vitest";
import { AlertCastError, hasCode } from "../errors.ts";
import { createLogger } from "../telemetry/logger.ts";
import { Lease, type LeaseRecord, type LeaseStore, type StoredLease } from "./lease.ts";

const logger = createLogger({ component: "test", level: "silent" });
const START_MS = 1_000;

/** One Lease object, as an API server keeps it, which can be made to fail or to hang. */
class FakeStore implements LeaseStore {
  stored: StoredLease | undefined;
  failing: "no" | "error" | "hang" = "no";
  writes: string[] = [];
  #version = 0;

  async read(): Promise<StoredLease | undefined> {
    await this.#answer();
    return this.stored;
  }

  async write(record: LeaseRecord, before: StoredLease | undefined): Promise<StoredLease> {
    await this.#answer();
    if (before?.version !== this.stored?.version) throw new AlertCastError("conflict", "somebody was faster");
    this.stored = { record, version: String(++this.#version) };
    this.writes.push(record.holder);
    return this.stored;
  }

  async #answer(): Promise<void> {
    if (this.failing === "error") throw new AlertCastError("unavailable", "away");
    if (this.failing === "hang") await new Promise(() => undefined);
  }
}

/** A clock that goes on only when somebody sleeps; several candidates share it. */
class FakeClock {
  nowMs = START_MS;
  /** Called before each sleep; may abort. */
  onSleep: () => void = () => undefined;

  candidate(identity: string, store: LeaseStore): Lease {
    return new Lease({
      store,
      identity,
      logger,
      now: () => this.nowMs + 1_700_000_000_000,
      monotonic: () => this.nowMs,
      sleep: async (ms, signal) => {
        this.onSleep();
        if (!signal.aborted) this.nowMs += ms;
      },
    });
  }
}

const never = () => new AbortController().signal;

test("the first candidate leads at once, and says since when in the Lease", async () => {
  const clock = new FakeClock();
  const store = new FakeStore();
  const lease = clock.candidate("a", store);
  expect(lease.held).toBe(false);
  await lease.acquire(never());
  expect(lease.held).toBe(true);
  expect(store.stored?.record).toMatchObject({ holder: "a", durationSeconds: 15, transitions: 0 });
});

test("another candidate takes over 15 s after it has last seen the Lease change, and no sooner", async () => {
  const clock = new FakeClock();
  const store = new FakeStore();
  const first = clock.candidate("a", store);
  await first.acquire(never());
  clock.nowMs += 500; // the first is gone; its clock, for all we know, is hours off
  if (store.stored) store.stored = { ...store.stored, record: { ...store.stored.record, renewedAtMs: 1 } };
  const seenAtMs = clock.nowMs;
  await clock.candidate("b", store).acquire(never());
  expect(store.stored?.record).toMatchObject({ holder: "b", transitions: 1 });
  expect(clock.nowMs - seenAtMs).toBeGreaterThanOrEqual(15_000);
  expect(clock.nowMs - seenAtMs).toBeLessThanOrEqual(17_000);
  expect(first.held).toBe(false);
});

test("a candidate waits for as long as the leader renews", async () => {
  const clock = new FakeClock();
  const store = new FakeStore();
  const leader = clock.candidate("a", store);
  await leader.acquire(never());
  const stop = new AbortController();
  let renewals = 0;
  const keeping = leader.keep(stop.signal, () => {
    if (++renewals === 40) stop.abort();
  });
  const waiting = clock.candidate("b", store).acquire(stop.signal);
  await Promise.all([keeping, waiting]);
  expect(store.writes).not.toContain("b");
  expect(leader.held).toBe(true);
});

test.each(["error", "hang"] as const)(
  "a leader that cannot renew (%s) gives up before anybody else can lead",
  async (how) => {
    const clock = new FakeClock();
    const store = new FakeStore();
    const lease = clock.candidate("a", store);
    await lease.acquire(never());
    const renewedAtMs = clock.nowMs;
    store.failing = how;
    if (how === "hang") {
      // The renewal is cut off by real time that is left: make that little.
      clock.nowMs += 7_990;
    }
    const error = await lease.keep(never()).catch((thrown: unknown) => thrown);
    expect(hasCode(error, "fenced")).toBe(true);
    expect(lease.held).toBe(false);
    expect(clock.nowMs - renewedAtMs).toBeLessThan(15_000);
  },
);

test("it is not held from 10 s after the last renewal on, whatever the loop does", async () => {
  const clock = new FakeClock();
  const lease = clock.candidate("a", new FakeStore());
  await lease.acquire(never());
  clock.nowMs += 9_999;
  expect(lease.held).toBe(true);
  clock.nowMs += 1;
  expect(lease.held).toBe(false);
});

test("a leader that finds another one's name in the Lease ends", async () => {
  const clock = new FakeClock();
  const store = new FakeStore();
  const lease = clock.candidate("a", store);
  await lease.acquire(never());
  store.stored = { record: { ...(store.stored?.record as LeaseRecord), holder: "b" }, version: "foreign" };
  const error = await lease.keep(never()).catch((thrown: unknown) => thrown);
  expect(hasCode(error, "fenced")).toBe(true);
  expect(store.stored.record.holder).toBe("b");
});

test("a released Lease is taken at once, and is not held any more", async () => {
  const clock = new FakeClock();
  const store = new FakeStore();
  const first = clock.candidate("a", store);
  await first.acquire(never());
  await first.release();
  expect(first.held).toBe(false);
  const atMs = clock.nowMs;
  await clock.candidate("b", store).acquire(never());
  expect(clock.nowMs).toBe(atMs);
  await first.release();
  expect(store.stored?.record.holder).toBe("b");
});
