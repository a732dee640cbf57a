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

/** Measures JSON.parse of texts, decodeEvent of bytes and Detector.apply of decoded entries, in turn, `rounds` times. */
export function parseAndDetect({ events, devices, rounds }: DetectInput): DetectOutput {
  const values = makeValues(events, devices);
  const texts = values.map((value) => value.toString("utf8"));
  const first = entriesOf(makeValues(devices, 0), STARTED_MS);
  const entries = entriesOf(values, STARTED_MS + devices + 1000);
  const ruleSet = compileRules(0);
  const output: DetectOutput = {
    parse: [],
    decode: [],
    detect: [],
    bytesPerEvent: texts.reduce((sum, text) => sum + text.length, 0) / events,
  };
  let kept = 0;
  for (let round = -2; round < rounds; round++) {
    const detector = new Detector(createMemory(), ruleSet);
    const stimuli: Stimulus[] = [];
    for (const entry of first) detector.apply(entry, stimuli);
    const parse = perSecond(events, () => {
      for (const text of texts) kept += "device_id" in JSON.parse(text) ? 1 : 0;
    });
    const decode = perSecond(events, () => {
      for (const value of values) kept += decodeEvent(value).ok ? 1 : 0;
    });
    const detect = perSecond(events, () => {
      for (const entry of entries) detector.apply(entry, stimuli);
    });
    if (stimuli.length > 0 || detector.takeCounts().late > 0)
      throw new Error("these events were to be healthy and in order");
    if (round < 0) continue;
    output.parse.push(parse);
    output.decode.push(decode);
    output.detect.push(detect);
  }
  if (kept !== 2 * events * (rounds + 2)) throw new Error("an event was not read");
  return output;
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

function perSecond(events: number, work: () => void): number {
  globalThis.gc?.();
  const startedMs = performance.now();
  work();
  return (events / (performance.now() - startedMs)) * 1000;
}
