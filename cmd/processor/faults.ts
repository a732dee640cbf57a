// Faults that tests order from outside: kill or stop this process at a named point, or run without a safeguard to see it
// missed. Off unless ALERTCAST_FAULTS is set, and then said loudly at start.
import { AlertCastError } from "../../pkg/errors.ts";

export type FailpointName = "after-begin" | "before-commit" | "after-commit" | "before-kafka-commit";

export interface Faults {
  /** Set when there is a point to fail at. */
  readonly failpoint: ((name: FailpointName) => Promise<void>) | undefined;
  readonly fenced: boolean;
  readonly repeatCheck: boolean;
  /** Waits as long as so many entries are to cost; set when they are to cost anything. */
  readonly perEntries: ((entries: number) => Promise<void>) | undefined;
  /** As ordered; empty = none. */
  readonly ordered: readonly string[];
}

const COST = /^cost@entry#(\d{1,7})us$/;
const POINT = /^(kill|stop)@(after-begin|before-commit|after-commit|before-kafka-commit)#(\d{1,6})$/;

/**
 * Reads a list like `kill@before-commit#3,no-fence`: SIGKILL or SIGSTOP at the third time a point is reached; `no-fence`
 * and `no-repeat-check` take a safeguard out; `cost@entry#250us` makes each entry cost so much, one after the other.
 * @throws AlertCastError `invalid`
 */
export function readFaults(text: string | undefined): Faults {
  const ordered = (text ?? "").split(",").filter((part) => part !== "");
  const points: { signal: "SIGKILL" | "SIGSTOP"; name: string; left: number }[] = [];
  for (const part of ordered) {
    if (part === "no-fence" || part === "no-repeat-check" || COST.test(part)) continue;
    const match = POINT.exec(part);
    if (match === null) throw new AlertCastError("invalid", `ALERTCAST_FAULTS: cannot read ${JSON.stringify(part)}`);
    points.push({
      signal: match[1] === "kill" ? "SIGKILL" : "SIGSTOP",
      name: match[2] ?? "",
      left: Number(match[3]),
    });
  }
  const failpoint = async (name: FailpointName) => {
    for (const point of points) {
      if (point.name !== name || --point.left !== 0) continue;
      process.stderr.write(`${JSON.stringify({ fault: point.signal, at: name })}\n`);
      process.kill(process.pid, point.signal);
      // The signal arrives between two turns of the loop; nothing may be written before it does.
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  };
  return {
    failpoint: points.length === 0 ? undefined : failpoint,
    fenced: !ordered.includes("no-fence"),
    perEntries: costs(ordered),
    repeatCheck: !ordered.includes("no-repeat-check"),
    ordered,
  };
}

/** A process does one thing at a time: the costs of its partitions queue up, and take no processor time. */
function costs(ordered: readonly string[]): Faults["perEntries"] {
  const costUs = ordered.map((part) => Number(COST.exec(part)?.[1] ?? 0)).reduce((sum, us) => sum + us, 0);
  if (costUs === 0) return undefined;
  let freeAtMs = 0;
  return async (entries) => {
    freeAtMs = Math.max(freeAtMs, performance.now()) + (entries * costUs) / 1000;
    await new Promise((resolve) => setTimeout(resolve, freeAtMs - performance.now()));
  };
}
