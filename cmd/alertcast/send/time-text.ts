// Decides which RFC 3339 text a time in a file means. Pure; guesses neither a zone nor the order of day and month.
import { parseInstant } from "../../../pkg/event/time.ts";

const ZONE = /^[+-](?:[01]\d|2[0-3]):[0-5]\d$/;
const LOCAL = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(:\d{2}(?:\.\d{1,9})?)?( ?UTC| ?Z| ?[+-]\d{2}:\d{2})?$/;

export type TimeText =
  | { readonly ok: true; readonly text: string }
  /** `no-zone`: a time, but no zone is given; `no-time`: none of the forms read here. */
  | { readonly ok: false; readonly why: "no-zone" | "no-time" };

/** The RFC 3339 offset that `UTC`, `Z` or `+01:00` names; undefined for any other text. */
export function parseZone(text: string): string | undefined {
  if (["UTC", "utc", "Z", "z"].includes(text)) return "Z";
  return ZONE.test(text) ? text : undefined;
}

/**
 * RFC 3339 text unchanged; `2013-12-02 21:15:00`, with or without seconds, fraction and zone, as RFC 3339.
 * @param zone the offset of times that have none, as parseZone returns it
 */
export function readTime(text: string, zone: string | undefined): TimeText {
  if (!Number.isNaN(parseInstant(text))) return { ok: true, text };
  const match = LOCAL.exec(text);
  if (match === null) return { ok: false, why: "no-time" };
  const [, date, minute, seconds = ":00", ownZone] = match;
  const own = ownZone === undefined ? undefined : parseZone(ownZone.trim());
  if (ownZone !== undefined && own === undefined) return { ok: false, why: "no-time" };
  const written = `${date}T${minute}${seconds}`;
  // Judged before the zone is asked for: no zone makes a time of 2013-02-30.
  if (Number.isNaN(parseInstant(`${written}Z`))) return { ok: false, why: "no-time" };
  const offset = own ?? zone;
  return offset === undefined ? { ok: false, why: "no-zone" } : { ok: true, text: `${written}${offset}` };
}
