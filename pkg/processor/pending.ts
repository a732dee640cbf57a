// What detection has made of the log and the database does not have yet: consecutive batches, added up.
import type { NewRecord } from "../log/log.ts";
import type { Stimulus } from "../rule/stimulus.ts";
import { parseTraceparent } from "../telemetry/tracing.ts";
import type { Commit, DeadLetter, LastRecord } from "../ticket/store.ts";

/** More requests than this are not linked to one commit. */
const MAX_TRACES = 64;

/** One commit in the making. */
export class Pending {
  readonly stimuli: Stimulus[] = [];
  readonly deadLetters: DeadLetter[] = [];
  readonly moves: NewRecord[] = [];
  /** Entries added up. */
  entries = 0;
  /** Events among them (no ticks, nothing on its way home). */
  events = 0;
  /** W3C trace contexts of requests whose events are in it and whose traces are recorded, MAX_TRACES of them at most. */
  readonly traces = new Set<string>();
  /** When the first of those was seen here (wall clock, ms). */
  startedMs = Number.NaN;
  nextOffset: number;
  last: LastRecord | undefined = undefined;
  activation: Commit["activation"] = undefined;
  /** Append time of the oldest record in it, ms; NaN when there is none. */
  oldestAppendMs = Number.NaN;

  readonly #startOffset: number;
  #lastTrace: string | undefined;

  constructor(startOffset: number) {
    this.#startOffset = startOffset;
    this.nextOffset = startOffset;
  }

  /** Notes that an event came with this trace context. */
  addTrace(traceparent: string, nowMs: number): void {
    // All events of a request have the same.
    if (traceparent === this.#lastTrace || this.traces.size >= MAX_TRACES) return;
    this.#lastTrace = traceparent;
    if (parseTraceparent(traceparent)?.sampled !== true) return;
    if (this.traces.size === 0) this.startedMs = nowMs;
    this.traces.add(traceparent);
  }

  /** True if it changes nothing in the database but how far the log is applied. */
  get isQuiet(): boolean {
    return (
      this.activation === undefined &&
      this.stimuli.length === 0 &&
      this.deadLetters.length === 0 &&
      this.moves.length === 0
    );
  }

  get isEmpty(): boolean {
    return this.nextOffset === this.#startOffset && this.activation === undefined;
  }
}
