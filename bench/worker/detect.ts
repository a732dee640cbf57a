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
  readonly events: number;
  readonly devices: number;
  readonly rounds: number;
}

export interface DetectOutput {
  /** Events per second, one figure a round; measured in turn. */
  readonly parse: number[];
  readonly decode: number[];
  /** From bytes to applied: reading included. */
  readonly whole: number[];
  /** The same less the time of reading the same bytes alone. */
  readonly detect: number[];
  readonly bytesPerEvent: number;
}

/** What the default rules read. */
const FIELDS = ["status", "temperature"];

/** Measures JSON.parse of texts, decodeEvent of bytes, and detection from bytes with and without the reading. */
export function parseAndDetect({ events, devices, rounds }: DetectInput): DetectOutput {
  const values = makeValues(events, devices);
  const texts = values.map((value) => value.toString("utf8"));
  const output: DetectOutput = {
    parse: [],
    decode: [],
    whole: [],
    detect: [],
    bytesPerEvent: texts.reduce((sum, text) => sum + text.length, 0) / events,
  };
  for (let round = -2; round < rounds; round++) {
    const detector = knowing(devices);
    const reader = new PlainReader(FIELDS);
    const stimuli: Stimulus[] = [];
    const atMs = STARTED_MS + devices + 1000;
    const watch = {
      parse: timed(texts, (text) => "device_id" in JSON.parse(text)),
      decode: timed(values, (value) => decodeEvent(value).ok),
      read: timed(values, (value) => reader.read(value)),
      whole: timed(values, (value) => detector.applyHealthy(value, atMs, stimuli)),
    };
    if (stimuli.length > 0) throw new Error("these events were to be healthy");
    if (round < 0) continue;
    const perSecond = (ms: number) => (events / ms) * 1000;
    output.parse.push(perSecond(watch.parse));
    output.decode.push(perSecond(watch.decode));
    output.whole.push(perSecond(watch.whole));
    output.detect.push(perSecond(watch.whole - watch.read));
  }
  return output;
}

/** A detector that has heard each device once. */
function knowing(devices: number): Detector {
  const detector = new Detector(createMemory(), compileRules(0));
  for (const entry of entriesOf(makeValues(devices, 0), STARTED_MS)) detector.apply(entry, []);
  return detector;
}

/** Milliseconds for all of them; each must succeed. */
function timed<T>(items: readonly T[], work: (item: T) => boolean): number {
  globalThis.gc?.();
  const startedMs = performance.now();
  let done = 0;
  for (const item of items) if (work(item)) done++;
  const ms = performance.now() - startedMs;
  if (done !== items.length) throw new Error("an event was not read");
  return ms;
}

/** For 0 devices every event has a device of its own: `dev-000000`, `dev-000001`, ... */
function makeValues(events: number, devices: number): Buffer[] {
  const make = eventMaker({ devices, alerting: 0, seed: 13 });
  return Array.from({ length: events }, (_, i) => Buffer.from(make(STARTED_MS + i).json));
}

function entriesOf(values: readonly Buffer[], fromMs: number): Entry[] {
  return values.map((value, i): EventEntry => {
    const decoded = decodeEvent(value);
    if (!decoded.ok) throw new Error(decoded.error.message);
    const appendTimeMs = fromMs + i;
    const event = { ...decoded.event, tsMs: appendTimeMs - 5 };
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
