// Rows 10 and 11: what the memory of a partition weighs, over time and per device.
import { createHash } from "node:crypto";
import { decodeRecord, type Place } from "../../pkg/processor/decode-record.ts";
import { Detector } from "../../pkg/rule/detect.ts";
import { createMemory } from "../../pkg/rule/partition-memory.ts";
import { decodeSnapshot, encodeSnapshot } from "../../pkg/rule/snapshot.ts";
import type { Stimulus } from "../../pkg/rule/stimulus.ts";
import { eventMaker } from "../events.ts";
import { compileRules } from "./rules.ts";

const STARTED_MS = Date.UTC(2026, 0, 1);
const SNAPSHOT_EVERY = 200_000;
/** Log time between two entries: 1 M of them take 2.8 hours, so by then as many alarms are forgotten as remembered. */
const STEP_MS = 10;
/** So many events are made; then they come again with another `ts`, and so with other bytes. */
const MADE = 100_000;

interface Held {
  readonly bytes: number;
  readonly snapshotBytes: number;
}

export interface OverTimeInput {
  readonly devices: number;
  readonly alerting: number;
  /** Ascending; memory is weighed after each of these numbers of events. */
  readonly marks: readonly number[];
}

/** Feeds one partition's detector events of a fixed fleet, decoding each from bytes, sweeping as often as snapshots do. */
export async function memoryOverTime({ devices, alerting, marks }: OverTimeInput): Promise<Held[]> {
  const detector = new Detector(createMemory(), compileRules(0));
  const feed = feeder(detector, eventMaker({ devices, alerting, seed: 10 }), MADE);
  const before = await usedBytes();
  const held: Held[] = [];
  let fed = 0;
  for (const mark of marks) {
    while (fed < mark) {
      const until = Math.min(mark, fed + SNAPSHOT_EVERY);
      for (; fed < until; fed++) feed(fed);
      detector.sweep();
    }
    held.push({ bytes: (await usedBytes()) - before, snapshotBytes: encodeSnapshot(detector.memory).length });
  }
  feed(fed); // Keeps the made events alive until the last weighing, as they were at the first.
  return held;
}

function feeder(
  detector: Detector,
  make: (nowMs: number) => { readonly json: string },
  count: number,
): (n: number) => void {
  const values = Array.from({ length: count }, () => Buffer.from(make(STARTED_MS).json));
  const tsAt = values.map((value) => value.indexOf('"ts":"') + '"ts":"'.length);
  const place: Place = { partition: 0, partitions: 1, knows: (deviceId) => detector.knows(deviceId) };
  const stimuli: Stimulus[] = [];
  return (n) => {
    const appendTimeMs = STARTED_MS + n * STEP_MS;
    const value = values[n % count] as Buffer;
    value.write(new Date(appendTimeMs).toISOString(), tsAt[n % count] as number, "latin1");
    detector.apply(decodeRecord({ offset: n, appendTimeMs, key: null, value, headers: {} }, place).entry, stimuli);
    stimuli.length = 0;
  };
}

export interface FleetInput {
  readonly devices: number;
  /** How ids look: `short` = dev-000001, `uuid` = 36 random characters. */
  readonly ids: "short" | "uuid";
}

export interface FleetOutput {
  readonly bytesPerDevice: number;
  readonly snapshotBytesPerDevice: number;
  readonly restoredBytesPerDevice: number;
}

/** Weighs a healthy fleet that has sent ten events each: live, in a snapshot, and restored from it. */
export async function memoryOfFleet({ devices, ids }: FleetInput): Promise<FleetOutput> {
  const detector = new Detector(createMemory(), compileRules(0));
  const feed = fleetFeeder(detector, devices, ids);
  const empty = await usedBytes();
  for (let n = 0; n < devices * 10; n++) feed(n);
  const bytes = (await usedBytes()) - empty;
  const snapshot = encodeSnapshot(detector.memory);
  const beforeRestored = await usedBytes();
  const restored = decodeSnapshot(snapshot);
  const restoredBytes = (await usedBytes()) - beforeRestored;
  // Used again here, so that none of them is collected, and taken off, before it was weighed.
  feed(devices * 10);
  if (restored.devices.size !== detector.memory.devices.size || restored.devices.size !== devices)
    throw new Error("devices were lost");
  return {
    bytesPerDevice: bytes / devices,
    snapshotBytesPerDevice: snapshot.length / devices,
    restoredBytesPerDevice: restoredBytes / devices,
  };
}

/** One healthy event of each device in turn, made when it is fed and dropped after it: nothing but the memory stays. */
function fleetFeeder(detector: Detector, devices: number, ids: FleetInput["ids"]): (n: number) => void {
  const make = eventMaker({ devices: 1, alerting: 0, seed: 11 });
  const place: Place = { partition: 0, partitions: 1, knows: (deviceId) => detector.knows(deviceId) };
  return (n) => {
    const appendTimeMs = STARTED_MS + n * STEP_MS;
    const { json, deviceId } = make(appendTimeMs);
    const value = Buffer.from(json.replace(deviceId, nameOf(n % devices, ids)));
    detector.apply(decodeRecord({ offset: n, appendTimeMs, key: null, value, headers: {} }, place).entry, []);
  };
}

function nameOf(n: number, ids: FleetInput["ids"]): string {
  if (ids === "short") return `dev-${String(n).padStart(6, "0")}`;
  const hex = createHash("md5").update(String(n)).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Heap and array buffers in use, after everything that can go has gone. */
async function usedBytes(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    // Buffers are given back between two turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
