// What makes an entry the same as another, and which alarm of a device it is about. Pure.
import { crc32 } from "node:zlib";
import type { DeviceEvent } from "../event/event.ts";
import type { Rule, Scope } from "./model.ts";

/**
 * Identity of an entry (D8): its `event_id`, else, with a believed ts, its bytes (as their ts, length and CRC-32: other
 * bytes of the same device with the same ts are told apart but for one case in 2^32); undefined = never a repeat.
 * An event_id has no NUL, so the two kinds never meet.
 */
export function identityOf(event: DeviceEvent, believedTs: boolean, value: Buffer): string | undefined {
  if (event.eventId !== undefined) return event.eventId;
  return believedTs ? `\0${event.tsMs}/${value.length}/${crc32(value)}` : undefined;
}

/** A number that differs for most different identities, at the price of a few characters: compared before the texts are. */
export function identityKey(identity: string): number {
  const n = identity.length;
  let key = n;
  for (let i = Math.max(0, n - 8); i < n; i++) key = (Math.imul(key, 31) + identity.charCodeAt(i)) | 0;
  return key;
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
