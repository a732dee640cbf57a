// What detection has made of the log and the database does not have yet: consecutive batches, added up.
import type { NewRecord } from "../log/log.ts";
import type { Stimulus } from "../rule/stimulus.ts";
import type { Commit, DeadLetter, LastRecord } from "../ticket/store.ts";

/** One commit in the making. */
export class Pending {
  readonly stimuli: Stimulus[] = [];
  readonly deadLetters: DeadLetter[] = [];
  readonly moves: NewRecord[] = [];
  /** Entries added up. */
  entries = 0;
  nextOffset: number;
  last: LastRecord | undefined = undefined;
  activation: Commit["activation"] = undefined;
  /** Append time of the oldest record in it, ms; NaN when there is none. */
  oldestAppendMs = Number.NaN;

  readonly #startOffset: number;

  constructor(startOffset: number) {
    this.#startOffset = startOffset;
    this.nextOffset = startOffset;
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
