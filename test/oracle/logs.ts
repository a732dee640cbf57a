// Test support: a log written record by record, a second apart.
import type { DumpedRecord } from "./types.ts";

export const START = Date.UTC(2026, 0, 5);

export interface Wanted {
  readonly partition?: number;
  readonly offset?: number;
  /** Seconds after START; default: one more than the record before. */
  readonly at?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Collects records; offsets go on by themselves in each partition. */
export class LogWriter {
  readonly records: DumpedRecord[] = [];
  readonly #next = new Map<number, number>();
  #seconds = -1;

  /** Appends a value: an object as JSON, a text or bytes as they are. */
  add(value: object | string | Buffer | null, wanted: Wanted = {}): this {
    const partition = wanted.partition ?? 0;
    const offset = wanted.offset ?? this.#next.get(partition) ?? 0;
    this.#next.set(partition, offset + 1);
    this.#seconds = wanted.at ?? this.#seconds + 1;
    this.records.push({
      partition,
      offset,
      appendTimeMs: START + this.#seconds * 1000,
      key: null,
      value: bytesOf(value),
      headers: wanted.headers ?? {},
    });
    return this;
  }
}

function bytesOf(value: object | string | Buffer | null): Buffer | null {
  if (value === null || Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}
