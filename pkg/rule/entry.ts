// An entry on its way through the rules: what came from the log, and what is found out about it on the way.
import type { DeviceEvent } from "../event/event.ts";
import { identityOfText, identityOfValue, textOf, traceIdOf } from "./identity.ts";
import type { Match, Previous } from "./partition-memory.ts";

/** One record of the partition, decoded. */
export type Entry =
  | { readonly kind: "tick" | "undecodable" | "away"; readonly offset: number; readonly appendTimeMs: number }
  | EventEntry;

export interface EventEntry {
  readonly kind: "event";
  readonly partition: number;
  readonly offset: number;
  readonly appendTimeMs: number;
  readonly event: DeviceEvent;
  readonly value: Buffer;
  readonly traceparent: string | undefined;
  readonly origin: { readonly partition: number; readonly offset: number } | undefined;
}

/** What the rules need to know of the entry at hand. */
export interface Current {
  readonly entry: EventEntry;
  readonly slot: number;
  readonly atMs: number;
  readonly believedTs: boolean;
  readonly lastSeenMs: number;
  readonly previous: Previous | undefined;
  identity: number | undefined;
  match: Match | undefined;
}

/** Identity of the entry (D8), found out when it is first asked for; -1 = never a repeat. */
export function identityOf(current: Current): number {
  if (current.identity !== undefined) return current.identity;
  const { event, value } = current.entry;
  const { eventId, tsMs } = event;
  current.identity = eventId === undefined ? identityOfValue(value, tsMs, current.believedTs) : identityOfText(eventId);
  return current.identity;
}

/** The entry as a match that is remembered; `previous` is what the rule may see of the one before. */
export function matchOf(current: Current, previous: Previous | undefined): Match {
  const { entry } = current;
  const { event } = entry;
  return {
    partition: entry.partition,
    offset: entry.offset,
    appendTimeMs: entry.appendTimeMs,
    atMs: current.atMs,
    text: current.match?.text ?? textOf(entry.value),
    fields: event.fields,
    eventId: event.eventId,
    eventTimeMs: current.believedTs ? event.tsMs : current.atMs,
    traceId: traceIdOf(entry.traceparent),
    lastSeenMs: current.lastSeenMs,
    previous,
  };
}
