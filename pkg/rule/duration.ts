// Durations of the rule file (R2): integers of d, h, m and s, each at most once and in this order.

const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/** 30 days, the longest duration of a rule file (M1). */
export const MAX_DURATION_MS = 30 * 86_400_000;

/** ms of `1h30m`-style text; undefined when it is no such text. May be above MAX_DURATION_MS. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null || text === "") return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}
