// A process that sends device events to Kafka at a rate it is told over standard input (`rate 500`), and says once a second how
// many are acknowledged. What could not be sent waits and follows at no more than twice the highest rate so far, as real producers do it.
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { eventMaker } from "../../bench/events.ts";

const { BROKERS = "", TOPIC = "", SEED = "1", DEVICES = "5000" } = process.env;
const TICK_MS = 100;
const make = eventMaker({ devices: Number(DEVICES), alerting: 0.01, faultEvents: 50, seed: Number(SEED) });
const kafka = new Kafka({ brokers: BROKERS.split(","), clientId: "generator", logLevel: logLevel.NOTHING });
const producer = kafka.producer({
  createPartitioner: Partitioners.DefaultPartitioner,
  retry: { retries: 2, initialRetryTime: 200, maxRetryTime: 1000 },
});
let rate = 0;
let highest = 0;
let sent = 0;
let owed = 0;
let ending = false;

createInterface({ input: process.stdin }).on("line", (line) => {
  if (line.startsWith("rate ")) rate = Number(line.slice(5));
  highest = Math.max(highest, rate);
  if (line === "end") ending = true;
});

/** Tries until it is acknowledged: an event that is lost here would be missed by nobody. */
async function send(n: number): Promise<void> {
  const messages = Array.from({ length: n }, () => {
    const { deviceId, json } = make(Date.now());
    return { key: deviceId, value: json };
  });
  for (;;) {
    try {
      await producer.send({ topic: TOPIC, acks: -1, timeout: 10_000, messages });
      sent += n;
      return;
    } catch {
      await pause(500);
    }
  }
}

for (;;) {
  try {
    await producer.connect();
    break;
  } catch {
    await pause(500);
  }
}
let lastMs = performance.now();
let toldMs = 0;
while (!ending || owed >= 1) {
  const nowMs = performance.now();
  owed += ((nowMs - lastMs) / 1000) * (ending ? 0 : rate);
  lastMs = nowMs;
  const n = Math.min(Math.floor(owed), Math.ceil((2 * highest * TICK_MS) / 1000), 5000);
  if (n > 0) {
    owed -= n;
    await send(n);
  }
  if (nowMs - toldMs >= 1000) {
    toldMs = nowMs;
    process.stdout.write(`${JSON.stringify({ sent, rate })}\n`);
  }
  await pause(Math.max(0, TICK_MS - (performance.now() - nowMs)));
}
await producer.disconnect();
process.stdout.write(`${JSON.stringify({ sent, ended: true })}\n`);
process.exit(0);
