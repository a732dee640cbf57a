import { expect, test } from "vitest";
import { decodeEvent } from "../event/decode.ts";
import { type SimulatedEvent, simulate } from "./simulator.ts";

const START_MS = Date.UTC(2026, 0, 1);

function run(seed: number, devices: number, count: number): SimulatedEvent[] {
  const simulator = simulate(seed, devices);
  return Array.from({ length: count }, (_, n) => simulator.next(START_MS + n * 100));
}

test("the same seed gives the same events, another seed others", () => {
  expect(run(7, 20, 1000)).toEqual(run(7, 20, 1000));
  expect(run(8, 20, 1000)).not.toEqual(run(7, 20, 1000));
});

test("every event is an event of the contract, with its own id", () => {
  const events = run(7, 20, 5000);
  for (const event of events) {
    const decoded = decodeEvent(Buffer.from(JSON.stringify(event)));
    expect(decoded).toMatchObject({ ok: true, event: { deviceId: event.device_id, tsMs: Date.parse(event.ts) } });
  }
  expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(5000);
});

test("devices report in turn", () => {
  expect(run(1, 3, 7).map(({ device_id }) => device_id)).toEqual([
    "dev-1",
    "dev-2",
    "dev-3",
    "dev-1",
    "dev-2",
    "dev-3",
    "dev-1",
  ]);
});

test("each kind of fault begins and is recovered from, on most of the fleet", () => {
  const events = run(42, 20, 20 * 500);
  const kinds = {
    overheating: (event: SimulatedEvent) => event.temperature >= 75,
    degraded: (event: SimulatedEvent) => event.status === "degraded",
    offline: (event: SimulatedEvent) => event.status === "offline",
  };
  for (const isFaulty of Object.values(kinds)) {
    const began = new Set<string>();
    const recovered = new Set<string>();
    for (const event of events) {
      if (isFaulty(event)) began.add(event.device_id);
      else if (began.has(event.device_id) && event.status === "online" && event.temperature < 72)
        recovered.add(event.device_id);
    }
    expect(began.size).toBeGreaterThan(15);
    expect(recovered).toEqual(began);
  }
});

test("most reports are healthy and temperatures stay those of devices", () => {
  const events = run(42, 20, 20 * 500);
  const healthy = events.filter(({ status, temperature }) => status === "online" && temperature < 75);
  expect(healthy.length).toBeGreaterThan(events.length * 0.6);
  for (const { temperature } of events) {
    expect(temperature).toBeGreaterThan(25);
    expect(temperature).toBeLessThan(105);
  }
});
