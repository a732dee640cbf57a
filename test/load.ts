// A seeded load of device events for fault tests: a small fleet that gets hot, degraded and offline, with repeats.
import type { Message } from "kafkajs";
import { seeded } from "./random.ts";

export interface LoadOptions {
  readonly seed: number;
  readonly events: number;
  readonly devices: number;
  /** Share of events that are sent twice in a row, same event_id. */
  readonly repeats?: number;
}

/** Keyed records in order. */
export function load(options: LoadOptions): Message[] {
  const { seed, events, devices, repeats = 0.1 } = options;
  const random = seeded(seed);
  const messages: Message[] = [];
  for (let i = 0; i < events; i++) {
    const device = `dev-${Math.floor(random() * devices)}`;
    const status = random() < 0.8 ? "online" : random() < 0.5 ? "degraded" : "offline";
    const temperature = Math.round((60 + random() * 40) * 10) / 10;
    const value = JSON.stringify({ device_id: device, status, temperature, region: "eu", event_id: `${seed}-${i}` });
    messages.push({ key: device, value });
    if (random() < repeats) messages.push({ key: device, value });
  }
  return messages;
}
