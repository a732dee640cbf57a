// Tells the story of one alarm: at which readings it went on, rose, fell, matched again and went off (D1, D3, D7, D8, D9).
// Never knows about tickets.
import type { Answer, OracleRule } from "./default-rules.ts";
import type { Reading, Severity } from "./types.ts";

/** What one reading meant to the alarm. */
export interface Turn {
  readonly reading: Reading;
  /** Whether any level matched. */
  readonly matched: boolean;
  readonly before: Severity | null;
  /** Highest active level afterwards, null = the alarm is off. */
  readonly after: Severity | null;
  /** What reason and evidence speak of: that level's last match; this reading when off. */
  readonly grounds: Reading;
}

export interface Story {
  readonly turns: readonly Turn[];
  readonly repeated: number;
}

const IDENTITIES = 32;

/**
 * @param readings accepted readings of one device in log order
 * @param rememberMs how long after going off an alarm still knows repeats (D9)
 */
export function storyOf(rule: OracleRule, readings: readonly Reading[], rememberMs: number): Story {
  const turns: Turn[] = [];
  let repeated = 0;
  /** The newest match of each level that is active, by its severity. */
  let active = new Map<Severity, Reading>();
  let known: string[] = [];
  let forgetAfterMs = Number.NEGATIVE_INFINITY;

  for (const reading of readings) {
    const answers = rule.levels.map((level) => {
      const match = level.match(reading.fields);
      const recover = level.recover === undefined ? not(match) : level.recover(reading.fields);
      return { severity: level.severity, match, recover };
    });
    if (answers.every(({ match, recover }) => match === undefined && recover === undefined)) continue;

    if (active.size === 0 && reading.atMs > forgetAfterMs) known = [];
    if (reading.identity !== null && known.includes(reading.identity)) {
      repeated++;
      continue;
    }

    const before = highest(rule, active);
    active = new Map(
      answers.flatMap(({ severity, match, recover }) => {
        if (match === true) return [[severity, reading] as const];
        const held = active.get(severity);
        return held === undefined || recover === true ? [] : [[severity, held] as const];
      }),
    );
    const after = highest(rule, active);
    if (before !== null && after === null) forgetAfterMs = reading.atMs + rememberMs;
    const remembers = after !== null || reading.atMs <= forgetAfterMs;
    if (remembers && reading.identity !== null) known = [...known, reading.identity].slice(-IDENTITIES);

    const matched = answers.some(({ match }) => match === true);
    const grounds = (after !== null && active.get(after)) || reading;
    if (before !== null || after !== null) turns.push({ reading, matched, before, after, grounds });
  }
  return { turns, repeated };
}

function highest(rule: OracleRule, active: ReadonlyMap<Severity, Reading>): Severity | null {
  return rule.levels.find((level) => active.has(level.severity))?.severity ?? null;
}

function not(answer: Answer): Answer {
  return answer === undefined ? undefined : !answer;
}
