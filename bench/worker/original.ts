// The design of the original system, kept for comparison: one message after the other is fetched, judged, written by an
// INSERT and an INCR when it is bad, and its offset is committed before the next one is looked at.
import { Redis } from "ioredis";
import type { Consumer, EachMessagePayload } from "kafkajs";
import pg from "pg";
import { kafkaClient } from "./kafka.ts";
import { type ConsumeInput, type Measured, Stopwatch } from "./noop.ts";
import type { DatabaseAddress } from "./pipeline.ts";

const SCHEMA = `
CREATE TABLE IF NOT EXISTS tickets (
  id bigserial PRIMARY KEY,
  device_id text NOT NULL,
  severity text NOT NULL,
  reason text NOT NULL,
  event_json jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
)`;
const INSERT = "INSERT INTO tickets (device_id, severity, reason, event_json) VALUES ($1, $2, $3, $4)";

export interface OriginalInput extends ConsumeInput {
  readonly database: DatabaseAddress;
  readonly redisUrl: string;
  /** Consumers that work at the same time, each on its own partitions, a message at a time. */
  readonly ways: number;
  /** Commit each message's offset before the next, as the original did; false = leave offsets alone. */
  readonly commitEach: boolean;
  /** Measure so long at most, s. */
  readonly seconds: number;
}

/** Works on the topic for `seconds` or to its end. */
export async function runOriginal(input: OriginalInput): Promise<Measured> {
  const watch = new Stopwatch(input.records);
  const opened = await open(input, watch);
  const measured = await watch.done;
  await opened[Symbol.asyncDispose]();
  return measured;
}

let running: AsyncDisposable | undefined;

/** Starts it, resolves when it has joined its group, and lets it run until stopOriginal. */
export async function startOriginal(input: OriginalInput): Promise<void> {
  running = await open(input, undefined);
}

export async function stopOriginal(_input: null): Promise<void> {
  await running?.[Symbol.asyncDispose]();
  running = undefined;
}

/** `ways` members of one group, each with connections of its own as separate processes have; work begins when all have joined. */
async function open(input: OriginalInput, watch: Stopwatch | undefined): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const { topic } = input;
  const held = new Map<Consumer, readonly number[]>();
  const joined = Promise.withResolvers<void>();
  let isOpen = false;
  let isOver = false;
  for (let member = 0; member < input.ways; member++) {
    const tools = { ...(await openTools(input, stack)), commitEach: input.commitEach };
    const { consumer } = tools;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      held.set(consumer, payload.memberAssignment[topic] ?? []);
      if (!isOpen) consumer.pause([{ topic }]);
      if (coversAll([...held.values()], input)) joined.resolve();
    });
    await consumer.run({
      autoCommit: false,
      eachMessage: async (payload) => {
        if (isOver) return;
        watch?.start();
        await work(payload, tools);
        if (isOver || watch === undefined) return;
        watch.count(1);
        isOver = watch.counted >= input.records || performance.now() - watch.startedMs >= input.seconds * 1000;
        if (isOver) watch.stop();
      },
    });
  }
  await joined.promise;
  isOpen = true;
  for (const consumer of held.keys()) consumer.resume([{ topic }]);
  const opened = stack.move();
  return { [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** True when every member has partitions and all together have each partition once. */
function coversAll(held: readonly (readonly number[])[], { ways, partitions }: OriginalInput): boolean {
  const all = held.flat();
  return (
    held.filter((own) => own.length > 0).length === ways &&
    all.length === partitions &&
    new Set(all).size === partitions
  );
}

async function openTools(input: OriginalInput, stack: AsyncDisposableStack): Promise<Omit<Tools, "commitEach">> {
  const database = new pg.Client({ ...input.database });
  stack.defer(() => database.end());
  await database.connect();
  await database.query(SCHEMA);
  const redis = new Redis(input.redisUrl);
  stack.defer(() => redis.disconnect());
  const consumer = kafkaClient(input.brokers).consumer({
    groupId: input.group,
    heartbeatInterval: 100,
    minBytes: 1,
    maxWaitTimeInMs: 100,
    maxBytesPerPartition: 64 * 1024,
  });
  stack.defer(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topic: input.topic, fromBeginning: true });
  return { database, redis, consumer };
}

interface Tools {
  readonly database: pg.Client;
  readonly redis: Redis;
  readonly consumer: Consumer;
  readonly commitEach: boolean;
}

async function work({ topic, partition, message }: EachMessagePayload, tools: Tools): Promise<void> {
  const text = String(message.value);
  const event: { device_id: string; status?: string; temperature?: number } = JSON.parse(text);
  const verdict = judge(event);
  if (verdict !== undefined) {
    await tools.database.query(INSERT, [event.device_id, verdict.severity, verdict.reason, text]);
    await tools.redis.incr(`tickets:${verdict.severity}`);
  }
  if (!tools.commitEach) return;
  await tools.consumer.commitOffsets([{ topic, partition, offset: (BigInt(message.offset) + 1n).toString() }]);
}

function judge(event: {
  readonly status?: string;
  readonly temperature?: number;
}): { severity: string; reason: string } | undefined {
  const { status, temperature = 0 } = event;
  if (status === "offline") return { severity: "critical", reason: "Device offline" };
  if (temperature >= 85) return { severity: "high", reason: `Temperature high: ${temperature}` };
  if (temperature >= 75) return { severity: "medium", reason: `Temperature elevated: ${temperature}` };
  if (status === "degraded") return { severity: "medium", reason: "Device degraded" };
  return undefined;
}
