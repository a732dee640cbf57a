// The keys of a rule file (R1), and which one a wrong key was probably meant to be (R3).

export const SET_KEYS = ["apiVersion", "time", "rules"] as const;
export const TIME_KEYS = ["outOfOrderWindow", "maxFuture"] as const;
/** What a level may state, and else takes from its rule. */
export const LEVEL_KEYS = [
  "severity",
  "when",
  "rate",
  "absent",
  "for",
  "count",
  "recover",
  "recoverFor",
  "reason",
] as const;
export const RULE_KEYS = [
  "id",
  "name",
  "enabled",
  ...LEVEL_KEYS,
  "levels",
  "dedupKey",
  "labels",
  "runbook",
  "autoResolve",
  "reopenWithin",
  "manualResolveGrace",
  "escalateAfter",
  "flap",
  "mute",
] as const;
export const RATE_KEYS = ["of", "per", "above", "below", "minInterval"] as const;
export const COUNT_KEYS = ["events", "within"] as const;
export const ESCALATION_KEYS = ["after", "severity"] as const;
export const FLAP_KEYS = ["changes", "within", "quiet"] as const;
export const MUTE_KEYS = ["days", "from", "to", "timeZone"] as const;

/** Names other tools (Prometheus, Elastalert, Kapacitor) use for the same thing. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ["expr", "when"],
  ["condition", "when"],
  ["query", "when"],
  ["alert", "id"],
  ["keep_firing_for", "recoverFor"],
  ["group_by", "dedupKey"],
  ["groupBy", "dedupKey"],
  ["query_key", "dedupKey"],
  ["runbook_url", "runbook"],
  ["runbookUrl", "runbook"],
  ["summary", "reason"],
  ["description", "reason"],
  ["message", "reason"],
]);

const MAX_DISTANCE = 2;

/** The known key that `key` was probably meant to be: another tool's name, or one at most two edits away. */
export function suggestKey(key: string, known: readonly string[]): string | undefined {
  const foreign = FOREIGN.get(key);
  if (foreign !== undefined && known.includes(foreign)) return foreign;
  let best: string | undefined;
  let bestDistance = MAX_DISTANCE + 1;
  for (const candidate of known) {
    const distance = editDistance(key, candidate);
    // Two edits turn any two letters into any other two: that is no likeness.
    if (distance < bestDistance && distance < Math.max(key.length, candidate.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance (Wagner and Fischer 1974); texts whose lengths differ by more than MAX_DISTANCE are simply far. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MAX_DISTANCE) return MAX_DISTANCE + 1;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
