// Row 13: detection alone against JSON.parse, over the same healthy events.
import { decodeEvent } from "../../pkg/event/decode.ts";
import { Detector, type Entry, type EventEntry } from "../../pkg/rule/detect.ts";
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
  /** Events per second, one figure a round; the three were measured in turn. */
  readonly parse: number[];
  readonly decode: number[];
  readonly detect: number[];
  readonly bytesPerEvent: number;
}

/** Events that are decoded and then detected in one go, as a fetched batch is: what was just decoded is still in the cache. */
const CHUNK = 200;

/** Measures JSON.parse of texts, decodeEvent of bytes and Detector.apply of decoded entries, in turn, `rounds` times. */
export function parseAndDetect({ events, devices, rounds }: DetectInput): DetectOutput {
  const values = makeValues(events, devices);
  const texts = values.map((value) => value.toString("utf8"));
  const ruleSet = compileRules(0);
  const output: DetectOutput = {
    parse: [],
    decode: [],
    detect: [],
    bytesPerEvent: texts.reduce((sum, text) => sum + text.length, 0) / events,
  };
  for (let round = -2; round < rounds; round++) {
    const detector = new Detector(createMemory(), ruleSet);
    const stimuli: Stimulus[] = [];
    for (const entry of entriesOf(makeValues(devices, 0), STARTED_MS)) detector.apply(entry, stimuli);
    const watch = { parse: 0, decode: 0, detect: 0 };
    for (let from = 0; from < events; from += CHUNK) {
      const chunk = values.slice(from, from + CHUNK);
      watch.parse += parseTexts(texts.slice(from, from + CHUNK));
      watch.decode += decodeValues(chunk);
      watch.detect += detectEntries(detector, entriesOf(chunk, STARTED_MS + devices + 1000 + from), stimuli);
    }
    if (stimuli.length > 0 || detector.takeCounts().late > 0)
      throw new Error("these events were to be healthy and in order");
    if (round < 0) continue;
    for (const name of ["parse", "decode", "detect"] as const) output[name].push((events / watch[name]) * 1000);
  }
  return output;
}

function parseTexts(texts: readonly string[]): number {
  const startedMs = performance.now();
  let read = 0;
  for (const text of texts) if ("device_id" in JSON.parse(text)) read++;
  if (read !== texts.length) throw new Error("an event was not read");
  return performance.now() - startedMs;
}

function decodeValues(values: readonly Buffer[]): number {
  const startedMs = performance.now();
  let read = 0;
  for (const value of values) if (decodeEvent(value).ok) read++;
  if (read !== values.length) throw new Error("an event was not read");
  return performance.now() - startedMs;
}

function detectEntries(detector: Detector, entries: readonly Entry[], stimuli: Stimulus[]): number {
  const startedMs = performance.now();
  for (const entry of entries) detector.apply(entry, stimuli);
  return performance.now() - startedMs;
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
