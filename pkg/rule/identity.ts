// What makes an entry the same as another, and which alarm of a device it is about. Pure.
import { crc32 } from "node:zlib";
import type { Rule, Scope } from "./model.ts";
import type { Alarm } from "./partition-memory.ts";

/** An identity has 52 bits, so that a double holds it: 32 of one hash, 20 of another. */
const LOW_BITS = 2 ** 20;

/**
 * Identity of an entry by its `event_id` (D8): 52 bits of two multiplicative hashes over its UTF-16 units. Two ids of
 * the 32 that an alarm remembers are taken for one in about one case of 10^14.
 */
export function identityOfText(eventId: string): number {
  let high = 0x811c9dc5;
  let low = 0x9747b28c;
  for (let i = 0; i < eventId.length; i++) {
    const unit = eventId.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x5bd1e995);
    low ^= low >>> 15;
  }
  return (high >>> 0) * LOW_BITS + ((low >>> 0) % LOW_BITS);
}

/** The same for an id that lies in these bytes, all of them ASCII. */
export function identityOfBytes(bytes: Uint8Array, start: number, end: number): number {
  let high = 0x811c9dc5;
  let low = 0x9747b28c;
  for (let i = start; i < end; i++) {
    const unit = bytes[i] as number;
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x5bd1e995);
    low ^= low >>> 15;
  }
  return (high >>> 0) * LOW_BITS + ((low >>> 0) % LOW_BITS);
}

/**
 * Identity of an entry without an id, by its bytes (D8): their CRC-32 and the lowest 20 bits of the believed ts; -1 (an
 * id never is) without one: then it is never a repeat.
 */
export function identityOfValue(value: Buffer, tsMs: number, believedTs: boolean): number {
  return believedTs ? crc32(value) * LOW_BITS + (((tsMs % LOW_BITS) + LOW_BITS) % LOW_BITS) : -1;
}

/** D8: whether the alarm has seen an entry of this identity. */
export function isRepeat({ seen }: Alarm, identity: number): boolean {
  return identity >= 0 && seen.includes(identity);
}

/** Remembers the identity of an entry, at most `most` of them. */
export function addIdentity({ seen }: Alarm, identity: number, most: number): void {
  if (identity < 0 || most === 0) return;
  if (seen.length >= most) seen.shift();
  seen.push(identity);
}

/** Rule, device and dedup key together are an index entry, which PostgreSQL takes up to about 2,700 bytes. */
const MAX_DEDUP_BYTES = 1024;

/** The dedup key as JSON array text, "" for a rule without one, undefined when it is unknown to the rule (D9). */
export function dedupOf(rule: Rule, scope: Scope): string | undefined {
  if (rule.dedupKey.length === 0) return "";
  const values: unknown[] = [];
  for (const expression of rule.dedupKey) {
    const value = expression.evaluate(scope);
    const fits =
      typeof value === "number" || typeof value === "boolean" || (typeof value === "string" && isStorable(value));
    if (!fits) return undefined;
    values.push(value);
  }
  const key = JSON.stringify(values);
  return Buffer.byteLength(key, "utf8") <= MAX_DEDUP_BYTES ? key : undefined;
}

/** PostgreSQL text takes neither NUL nor lone surrogates; two different ones would become one key. */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

/** The event's JSON text, without a leading byte order mark. */
export function textOf(value: Buffer): string {
  const text = value.toString("utf8");
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** The trace id of a W3C traceparent; undefined when it has none. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  const match =
    traceparent === undefined ? null : /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(traceparent);
  return match?.[1];
}
