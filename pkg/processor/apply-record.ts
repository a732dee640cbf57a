// Takes a record of the log to the detector: the short way of healthy events, or decoded. Pure.
import { ORIGIN_HEADER } from "../log/headers.ts";
import type { LogRecord, NewRecord } from "../log/log.ts";
import type { Detector } from "../rule/detect.ts";
import type { Stimulus } from "../rule/stimulus.ts";
import type { DeadLetter } from "../ticket/store.ts";
import type { DecodeClock } from "./decode-clock.ts";
import { decodeRecord, type Place } from "./decode-record.ts";

/** Where what comes of a record goes. */
export interface Outcome {
  readonly stimuli: Stimulus[];
  readonly deadLetters: DeadLetter[];
  readonly moves: NewRecord[];
}

/**
 * Applies one record; what has to be done besides is appended to `outcome`.
 * @param clock is told how long decoding takes
 * @returns true for an event that is dealt with here: no tick, and not one on its way home
 */
export function applyRecord(
  detector: Detector,
  record: LogRecord,
  place: Place,
  outcome: Outcome,
  clock?: DecodeClock,
): boolean {
  const { value, headers, appendTimeMs } = record;
  const isCopy = headers[ORIGIN_HEADER] !== undefined;
  if (value !== null && !isCopy && detector.applyHealthy(value, appendTimeMs, outcome.stimuli)) return true;
  const decode = () => decodeRecord(record, place);
  const { entry, deadLetter, move } = clock === undefined ? decode() : clock.run(decode);
  if (deadLetter !== undefined) outcome.deadLetters.push(deadLetter);
  if (move !== undefined) outcome.moves.push(move);
  detector.apply(entry, outcome.stimuli);
  return entry.kind === "event" || entry.kind === "undecodable";
}
