// Row 13: detection alone against JSON.parse, over the same healthy events.
import { decodeEvent } from "../../pkg/event/decode.ts";
import { PlainReader } from "../../pkg/event/plain.ts";
import { Detector } from "../../pkg/rule/detect.ts";
import type { Entry, EventEntry } from "../../pkg/rule/entry.ts";
import { createMemory } from "../../pkg/rule/partition-memory.ts";
import type { Stimulus } from "../../pkg/rule/stimulus.ts";
import { eventMaker } from "../events.ts";
import { compileRules } from "./rules.ts";

const STARTED_MS = Date.UTC(2026, 0, 1);

export interface DetectInput {
  /** In one round. */
  readonly events: number;
  readonly devices: number;
  readonly rounds: number;
}

export interface DetectOutput {
  /** Milliseconds for all events, one figure a round; measured in turn. */
  readonly parse: number[];
  readonly decode: number[];
  /** Reading what the rules need from bytes, alone. */
  readonly read: number[];
  /** From bytes to applied: reading included. */
  readonly whole: number[];
  /** Applying events that were decoded beforehand: detection and nothing else. */
  readonly apply: number[];
  readonly bytesPerEvent: number;
}

/** What the default rules read. */
const FIELDS = ["status", "temperature"];

/** Rounds that are thrown away, until the code is warm. */
const WARM_UP_ROUNDS = 10;

/**
 * Measures JSON.parse of texts, decodeEvent of bytes, and detection of decoded events and from bytes, in turn. Rounds
 * should be short and many: a virtual machine's core changes its speed from one second to the next, and what is compared
 * has to run at the same speed. Each round has events of its own: an id that was looked up before has its hash with it.
 */
export function parseAndDetect({ events, devices, rounds }: DetectInput): DetectOutput {
  const all = makeValues(events * (WARM_UP_ROUNDS + rounds), devices);
  const output: DetectOutput = {
    parse: [],
    decode: [],
    read: [],
    whole: [],
    apply: [],
    bytesPerEvent: all[0]?.length ?? 0,
  };
  const [fromBytes, fromEntries] = [knowing(devices), knowing(devices)];
  const reader = new PlainReader(FIELDS);
  const stimuli: Stimulus[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
    const values = all.slice(round * events, (round + 1) * events);
    const texts = values.map((value) => value.toString("utf8"));
    const entries = entriesOf(values, STARTED_MS + round * events);
    const atMs = STARTED_MS + (round + 1) * events;
    globalThis.gc?.();
    const watch = {
      parse: timed(texts, (text) => "device_id" in JSON.parse(text)),
      apply: timed(entries, (entry) => {
        fromEntries.apply(entry, stimuli);
        return true;
      }),
      decode: timed(values, (value) => decodeEvent(value).ok),
      read: timed(values, (value) => reader.read(value)),
      whole: timed(values, (value) => fromBytes.applyHealthy(value, atMs, stimuli)),
    };
    const late = fromBytes.takeCounts().late + fromEntries.takeCounts().late;
    if (stimuli.length > 0 || late > 0) throw new Error("these events were to be healthy and in order");
    if (round < WARM_UP_ROUNDS) continue;
    for (const name of ["parse", "decode", "read", "whole", "apply"] as const) output[name].push(watch[name]);
  }
  return output;
}

/** A detector that has heard each device once, before all events. */
function knowing(devices: number): Detector {
  const detector = new Detector(createMemory(), compileRules(0));
  const fromMs = STARTED_MS - devices;
  for (const entry of entriesOf(makeValues(devices, 0, fromMs), fromMs)) detector.apply(entry, []);
  return detector;
}

/** Milliseconds for all of them; each must succeed. */
function timed<T>(items: readonly T[], work: (item: T) => boolean): number {
  const startedMs = performance.now();
  let done = 0;
  for (const item of items) if (work(item)) done++;
  const ms = performance.now() - startedMs;
  if (done !== items.length) throw new Error("an event was not read");
  return ms;
}

/** For 0 devices every event has a device of its own: `dev-000000`, `dev-000001`, ... */
function makeValues(events: number, devices: number, fromMs = STARTED_MS): Buffer[] {
  const make = eventMaker({ devices, alerting: 0, seed: 13 });
  return Array.from({ length: events }, (_, i) => Buffer.from(make(fromMs + i).json));
}

function entriesOf(values: readonly Buffer[], fromMs: number): Entry[] {
  return values.map((value, i): EventEntry => {
    const decoded = decodeEvent(value);
    if (!decoded.ok) throw new Error(decoded.error.message);
    const appendTimeMs = fromMs + i;
    const { event } = decoded;
    return {
      kind: "event",
      partition: 0,
      offset: i,
      appendTimeMs,
      event,
      value,
      traceparent: undefined,
      origin: undefined,
    };
  });
}
