// Decides where the numbers of /stats come from: the live counters while they are fresh, else PostgreSQL.
import type { LiveCounts } from "../count/counts.ts";
import { hasCode } from "../errors.ts";
import type { TicketCounts, TicketReader } from "../ticket/read.ts";

/** Counters older than this are not shown, ms. */
export const STALE_AFTER_MS = 10_000;

export interface Stats {
  readonly counts: TicketCounts;
  readonly source: LiveCounts["source"] | "postgres";
  readonly ageMs: number;
}

/** Throws `unavailable` when neither can tell. */
export async function readStats(live: LiveCounts | undefined, reader: Pick<TicketReader, "counts">): Promise<Stats> {
  const fresh = live && (await readLive(live));
  if (live !== undefined && fresh !== undefined)
    return { counts: fresh.counts, source: live.source, ageMs: fresh.ageMs };
  const { counts } = await reader.counts();
  return { counts, source: "postgres", ageMs: 0 };
}

/** Away, empty and stale are all the same here; that the counters are away is the relay's to log. */
async function readLive(live: LiveCounts) {
  try {
    const reading = await live.read();
    return reading !== undefined && reading.ageMs <= STALE_AFTER_MS ? reading : undefined;
  } catch (error) {
    if (hasCode(error, "unavailable")) return undefined;
    throw error;
  }
}
