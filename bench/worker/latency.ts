// Row 9: how long after it was sent an event's ticket can be read, while other events keep the system busy.
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { homePartition } from "../../pkg/log/home.ts";
import { eventMaker, type Stream } from "../events.ts";
import { type KafkaMessageToSend, kafkaClient } from "./kafka.ts";
import type { DatabaseAddress } from "./pipeline.ts";

const TICK_MS = 20;
/** Between two looks at the database: what is measured is too long by half of it, on average. */
const LOOK_EVERY_MS = 2;

export interface LoadInput {
  readonly brokers: string;
  readonly topic: string;
  readonly partitions: number;
  readonly stream: Stream;
  /** Events per second. */
  readonly rate: number;
  readonly seconds: number;
}

/** Produces at a steady rate. Returns the rate that was reached. */
export async function produceAtRate({ brokers, topic, partitions, stream, rate, seconds }: LoadInput): Promise<number> {
  const producer = kafkaClient(brokers).producer({ allowAutoTopicCreation: false });
  const make = eventMaker(stream);
  await producer.connect();
  const startedMs = performance.now();
  let sent = 0;
  for (let now = startedMs; now - startedMs < seconds * 1000; now = performance.now()) {
    const due = Math.floor(((now - startedMs) / 1000) * rate);
    // After a hold-up the rest follows in pieces, so that one request never takes long to make.
    const messages: KafkaMessageToSend[] = [];
    for (let i = Math.min(due - sent, 5000); i > 0; i--) {
      const { deviceId, json } = make(Date.now());
      messages.push({ partition: homePartition(deviceId, partitions), key: deviceId, value: json });
    }
    if (messages.length > 0) await producer.send({ topic, acks: -1, messages });
    sent += messages.length;
    if (sent >= due - rate * (TICK_MS / 1000)) await pause(Math.max(0, TICK_MS - (performance.now() - now)));
  }
  const reached = sent / ((performance.now() - startedMs) / 1000);
  await producer.disconnect();
  return reached;
}

export interface ProbeInput {
  readonly brokers: string;
  readonly topic: string;
  readonly partitions: number;
  readonly database: DatabaseAddress;
  /** Where tickets are looked for. */
  readonly table: "ticket" | "tickets";
  readonly probes: number;
  readonly perSecond: number;
  /** Tells these devices from those of other calls. */
  readonly name: string;
}

export interface ProbeOutput {
  /** From just before the send to the answer of the SELECT that found the ticket, ms, one for each probe. */
  readonly visibleMs: number[];
  /** From just before the send to its acknowledgement. */
  readonly acknowledgedMs: number[];
}

/** Sends events that each open a ticket of their own, and looks for the tickets. */
export async function probe(input: ProbeInput): Promise<ProbeOutput> {
  const { brokers, topic, partitions, table, probes, perSecond, name } = input;
  const producer = kafkaClient(brokers).producer({ allowAutoTopicCreation: false });
  const database = new pg.Client({ ...input.database });
  await Promise.all([producer.connect(), database.connect()]);
  const make = eventMaker({ devices: 0, alerting: 1, seed: 9, prefix: `probe-${name}-` });
  const sentMs = new Map<string, number>();
  const output: ProbeOutput = { visibleMs: [], acknowledgedMs: [] };
  const sends: Promise<void>[] = [];
  const startedMs = performance.now();
  let sent = 0;
  while (sent < probes || sentMs.size > 0) {
    if (sent < probes && performance.now() - startedMs >= (sent / perSecond) * 1000) {
      const { deviceId, json } = make(Date.now());
      const atMs = performance.now();
      sentMs.set(deviceId, atMs);
      const message = { partition: homePartition(deviceId, partitions), key: deviceId, value: json };
      sends.push(
        producer
          .send({ topic, acks: -1, messages: [message] })
          .then(() => void output.acknowledgedMs.push(performance.now() - atMs)),
      );
      sent++;
    }
    if (sentMs.size > 0) {
      const found = await database.query<{ device_id: string }>(
        `SELECT device_id FROM ${table} WHERE device_id = ANY($1)`,
        [[...sentMs.keys()]],
      );
      for (const { device_id: deviceId } of found.rows) {
        output.visibleMs.push(performance.now() - (sentMs.get(deviceId) ?? Number.NaN));
        sentMs.delete(deviceId);
      }
    }
    await pause(LOOK_EVERY_MS);
    if (performance.now() - startedMs > 120_000) throw new Error(`${sentMs.size} tickets did not appear`);
  }
  await Promise.all(sends);
  await Promise.all([producer.disconnect(), database.end()]);
  return output;
}
