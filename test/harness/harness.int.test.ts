import { join } from "node:path";
import { Redis } from "ioredis";
import { Kafka, logLevel } from "kafkajs";
import pg from "pg";
import { expect, test } from "vitest";
import { freshDatabase } from "./database.ts";
import { freePort } from "./port.ts";
import { tcpProxy } from "./proxy.ts";
import { services } from "./services.ts";
import { spawnService } from "./spawn-service.ts";
import { freshTopic } from "./topic.ts";
import { waitFor } from "./wait.ts";

test("a record goes to a fresh Kafka topic and comes back with the broker's time", async () => {
  const topic = await freshTopic({ partitions: 3, config: { "max.message.bytes": "2000000" } });
  const kafka = new Kafka({ brokers: services().kafkaBrokers.split(","), logLevel: logLevel.ERROR });
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100 });
  const seen: { partition: number; value: string; timestamp: number }[] = [];
  try {
    await producer.connect();
    await producer.send({ topic, messages: [{ partition: 2, value: "hello", timestamp: "1000" }] });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        seen.push({ partition, value: String(message.value), timestamp: Number(message.timestamp) });
      },
    });
    await waitFor(() => seen.length > 0, { what: "the record to come back" });
  } finally {
    await producer.disconnect();
    await consumer.disconnect();
  }
  expect(seen).toEqual([{ partition: 2, value: "hello", timestamp: expect.any(Number) }]);
  expect(seen[0]?.timestamp).toBeGreaterThan(1000);
});

test("a fresh database is copied from a template and is gone after the drop", async () => {
  await using template = await freshDatabase();
  const writer = new pg.Client({ connectionString: template.url });
  await writer.connect();
  await writer.query("CREATE TABLE ticket AS SELECT 7 AS id");
  await writer.end();

  const copy = await freshDatabase({ template: template.database });
  const { host, port, user, password, database } = copy;
  const reader = new pg.Client({ host, port, user, password, database });
  await reader.connect();
  expect((await reader.query("SELECT id FROM ticket")).rows).toEqual([{ id: 7 }]);
  await reader.end();
  await copy.drop();
  await expect(new pg.Client({ connectionString: copy.url }).connect()).rejects.toThrow("does not exist");
});

test("a key in Redis is read back through the proxy", async () => {
  await using proxy = await tcpProxy({ targetPort: Number(new URL(services().redisUrl).port) });
  const redis = new Redis(proxy.port, "127.0.0.1");
  try {
    await redis.set("harness:key", "value", "EX", 60);
    expect(await redis.get("harness:key")).toBe("value");
  } finally {
    redis.disconnect();
  }
});

test("a spawned program's lines, signals and exit are seen", async () => {
  const port = await freePort();
  const entry = join("test", "harness", "fixtures", "echo-server.ts");
  await using service = await spawnService({ name: "echo", entry, args: ["hi"], env: { API_PORT: String(port) } });
  expect(JSON.parse(await service.waitForLog("listening"))).toEqual({ msg: "listening", port, args: ["hi"] });
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("echo");
  service.kill("SIGTERM");
  expect(await service.exited).toEqual({ code: 0, signal: null });
  expect(service.logs()).toContain('{"msg":"stopped"}');
  await expect(service.waitForLog("never said")).rejects.toThrow('expected echo to log "never said", but it exited');
});
