// Rebuilds a partition's memory for its new owner: which snapshot, from where to read the log, which rule sets on the way.
import { AlertCastError, messageOf } from "../errors.ts";
import type { LogRecord, PartitionRange } from "../log/log.ts";
import { Detector, type DetectorOptions } from "../rule/detect.ts";
import type { RuleSet } from "../rule/model.ts";
import { createMemory, type PartitionMemory } from "../rule/partition-memory.ts";
import { decodeSnapshot, SNAPSHOT_FORMAT } from "../rule/snapshot.ts";
import type { Activation, Claim, LastRecord, StoredSnapshot } from "../ticket/store.ts";
import { applyRecord } from "./apply-record.ts";
import type { Place } from "./decode-record.ts";
import type { ProcessorDeps } from "./deps.ts";
import { isSame } from "./record-hash.ts";

export interface RestoreInput {
  readonly partition: number;
  readonly claim: Claim;
  readonly range: PartitionRange;
  /** Compiled sets by number: those of the claim and the one to be in force now. */
  readonly ruleSets: ReadonlyMap<number, RuleSet>;
  /** The set to start with where nothing is recorded. */
  readonly firstRuleSet: RuleSet;
  readonly detector: DetectorOptions;
  /** Told of a snapshot that was passed over, and of a gap. */
  readonly warn: (fields: Record<string, unknown>, message: string) => void;
}

/**
 * Refuses a log that cannot be the one these offsets belong to.
 * @throws AlertCastError `halted`
 */
function checkRange(input: RestoreInput): void {
  const { claim, range, partition } = input;
  if (claim.nextOffset > range.end) {
    throw new AlertCastError(
      "halted",
      `partition ${partition} was applied up to offset ${claim.nextOffset}, but the log ends at ${range.end}: truncated or re-created`,
    );
  }
  if (claim.nextOffset < range.start) {
    throw new AlertCastError(
      "halted",
      `partition ${partition} was applied up to offset ${claim.nextOffset}, but the log begins at ${range.start}: records expired unread`,
    );
  }
}

export class Restore {
  readonly detector: Detector;
  /** Where reading has to begin. */
  readonly fromOffset: number;
  readonly #claim: Claim;
  readonly #applyFrom: number;
  readonly #activations: Activation[];
  readonly #ruleSets: ReadonlyMap<number, RuleSet>;
  #verified: boolean;
  #current: number | undefined;

  /** @throws AlertCastError `halted` */
  constructor(input: RestoreInput) {
    checkRange(input);
    const { claim, range } = input;
    const { memory, snapshot } = newestReadable(input);
    this.#claim = claim;
    this.#ruleSets = input.ruleSets;
    this.#applyFrom = snapshot?.nextOffset ?? range.start;
    if (this.#applyFrom < range.start) {
      input.warn(
        { partition: input.partition, snapshotOffset: this.#applyFrom, logStart: range.start },
        "records between the snapshot and the start of the log have expired",
      );
    }
    const last = claim.last?.offset ?? claim.nextOffset;
    this.fromOffset = Math.max(range.start, Math.min(this.#applyFrom, last));
    this.#verified = claim.last === undefined || claim.last.offset < range.start;
    const passed = claim.activations.filter((a) => a.firstOffset <= this.#applyFrom);
    this.#activations = claim.activations.filter(
      (a) => a.firstOffset > this.#applyFrom && a.firstOffset <= claim.nextOffset,
    );
    this.#current = snapshot?.ruleSetId ?? passed.at(-1)?.ruleSetId ?? claim.activations[0]?.ruleSetId;
    const ruleSet = this.#current === undefined ? input.firstRuleSet : this.#ruleSet(this.#current);
    this.detector = new Detector(memory, ruleSet, input.detector);
  }

  /** True once nothing below `nextOffset` is left to be read. */
  isDone(nextOffset: number): boolean {
    return nextOffset >= this.#claim.nextOffset;
  }

  /** A record that was applied before: its stimuli are committed already and thrown away. */
  replay(record: LogRecord, place: Place): void {
    const last: LastRecord | undefined = this.#claim.last;
    if (last !== undefined && record.offset === last.offset) this.#verified = isSame(record, last);
    if (record.offset < this.#applyFrom) return;
    this.#activateUpTo(record.offset);
    applyRecord(this.detector, record, place, { stimuli: [], deadLetters: [], moves: [] });
  }

  /**
   * The end of the replay: the detector is at the stored offset, under the set that was in force there.
   * @throws AlertCastError `halted` when the last applied record is not in the log
   */
  finish(): void {
    if (!this.#verified) {
      throw new AlertCastError(
        "halted",
        `the record at offset ${this.#claim.last?.offset} is not the one that was applied: the topic was re-created`,
      );
    }
    this.#activateUpTo(this.#claim.nextOffset);
  }

  #activateUpTo(offset: number): void {
    let next = this.#activations[0];
    while (next !== undefined && next.firstOffset <= offset) {
      this.#activations.shift();
      if (next.ruleSetId !== this.#current) {
        this.detector.activate(this.#ruleSet(next.ruleSetId), next.firstOffset);
        this.#current = next.ruleSetId;
      }
      next = this.#activations[0];
    }
  }

  #ruleSet(id: number): RuleSet {
    const ruleSet = this.#ruleSets.get(id);
    if (ruleSet === undefined) throw new AlertCastError("halted", `rule set ${id} cannot be read`);
    return ruleSet;
  }
}

function newestReadable(input: RestoreInput): { memory: PartitionMemory; snapshot: StoredSnapshot | undefined } {
  for (const snapshot of input.claim.snapshots) {
    const fields = { partition: input.partition, snapshotOffset: snapshot.nextOffset };
    if (snapshot.format !== SNAPSHOT_FORMAT || !input.ruleSets.has(snapshot.ruleSetId)) {
      input.warn({ ...fields, format: snapshot.format }, "snapshot of another format passed over");
      continue;
    }
    try {
      return { memory: decodeSnapshot(snapshot.memory), snapshot };
    } catch (error) {
      input.warn({ ...fields, error: messageOf(error) }, "damaged snapshot passed over");
    }
  }
  return { memory: createMemory(), snapshot: undefined };
}

/** The rule sets that a claim speaks of and the configured one, by number; what this version cannot compile is left out. */
export function compiledSets(
  claim: Claim,
  deps: Pick<ProcessorDeps, "ruleSetId" | "ruleSet" | "compile" | "metrics">,
): Map<number, RuleSet> {
  const sets = new Map<number, RuleSet>([[deps.ruleSetId, deps.ruleSet]]);
  for (const stored of claim.ruleSets) {
    if (sets.has(stored.id)) continue;
    const ruleSet = deps.compile(JSON.parse(stored.source));
    if (ruleSet !== undefined) sets.set(stored.id, ruleSet);
    else deps.metrics.refused();
  }
  return sets;
}
