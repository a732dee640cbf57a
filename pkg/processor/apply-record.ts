// Takes a record of the log to the detector: the short way of healthy events, or decoded. Pure.
import { ORIGIN_HEADER } from "../log/headers.ts";
import type { LogRecord, NewRecord } from "../log/log.ts";
import type { Detector } from "../rule/detect.ts";
import type { Stimulus } from "../rule/stimulus.ts";
import type { DeadLetter } from "../ticket/store.ts";
import { decodeRecord, type Place } from "./decode-record.ts";

/** Where what comes of a record goes. */
export interface Outcome {
  readonly stimuli: Stimulus[];
  readonly deadLetters: DeadLetter[];
  readonly moves: NewRecord[];
}

/** Applies one record; what has to be done besides is appended to `outcome`. */
export function applyRecord(detector: Detector, record: LogRecord, place: Place, outcome: Outcome): void {
  const { value, headers, appendTimeMs } = record;
  const isCopy = headers[ORIGIN_HEADER] !== undefined;
  if (value !== null && !isCopy && detector.applyHealthy(value, appendTimeMs, outcome.stimuli)) return;
  const { entry, deadLetter, move } = decodeRecord(record, place);
  if (deadLetter !== undefined) outcome.deadLetters.push(deadLetter);
  if (move !== undefined) outcome.moves.push(move);
  detector.apply(entry, outcome.stimuli);
}
