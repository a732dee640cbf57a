import { Redis } from "ioredis";
import { afterAll, expect, test } from "vitest";
import { freePort } from "../../test/harness/port.ts";
import { services } from "../../test/harness/services.ts";
import { waitFor } from "../../test/harness/wait.ts";
import { hasCode } from "../errors.ts";
import { countsOf } from "../ticket/counts.ts";
import { liveCountsContract } from "./contract.ts";
import type { LiveCounts } from "./counts.ts";
import { redisCounts } from "./redis.ts";

// Database 9 is this file's alone.
const DATABASE = 9;
const url = new URL(services().redisUrl);
const admin = new Redis(url.href, { db: DATABASE });
const server = { host: url.hostname, port: Number(url.port), database: DATABASE, onError: () => undefined };
const counts = redisCounts(server);
const reading = { installationId: "one", version: 1, counts: countsOf(() => 1) };

afterAll(async () => {
  await counts[Symbol.asyncDispose]();
  admin.disconnect();
});

async function empty() {
  await connected(counts);
  await admin.flushdb();
  return counts;
}

async function connected(some: LiveCounts) {
  const answers = async () => {
    await some.write(reading);
    return true;
  };
  await waitFor(answers, { what: "the counters to be connected" });
}

liveCountsContract("redis", empty);

test("counts that nobody confirms expire", async () => {
  await empty();
  await counts.write(reading);
  const [key] = await admin.keys("*");
  expect(await admin.pttl(key ?? "")).toBeGreaterThan(0);
});

test("a damaged value is no reading, and the next write replaces it", async () => {
  await empty();
  await counts.write(reading);
  const [key = ""] = await admin.keys("*");
  await admin.hset(key, "high:open", "many");
  expect(await counts.read()).toBeUndefined();
  expect(await counts.write({ ...reading, version: 2 })).toBe(true);
  expect(await counts.read()).toMatchObject({ version: 2 });
});

test("without a server every call is unavailable", async () => {
  const errors: Error[] = [];
  await using away = redisCounts({ host: "127.0.0.1", port: await freePort(), onError: (error) => errors.push(error) });
  await expect(away.write(reading)).rejects.toSatisfy((error) => hasCode(error, "unavailable"));
  await expect(away.read()).rejects.toSatisfy((error) => hasCode(error, "unavailable"));
});

test("two installations on one Redis keep their own counts, and those of one share them", async () => {
  await empty();
  await using other = redisCounts(server);
  await using sameAsFirst = redisCounts(server);
  await Promise.all([connected(other), connected(sameAsFirst)]);
  await admin.flushdb();
  const first = { ...reading, version: 2 };
  const second = { installationId: "two", version: 900, counts: countsOf(() => 7) };
  await counts.write(first);
  await other.write(second);
  expect(await counts.read()).toMatchObject(first);
  expect(await other.read()).toMatchObject(second);
  expect(await sameAsFirst.write(reading)).toBe(false);
  expect(await sameAsFirst.read()).toMatchObject(first);
});

test("a process that has not written yet does not know its installation, and has no reading", async () => {
  await empty();
  await counts.write(reading);
  await using fresh = redisCounts(server);
  expect(await fresh.read()).toBeUndefined();
});
