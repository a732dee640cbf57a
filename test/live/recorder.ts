// Looks every two seconds at what is sent, committed and running, without asking the operator: the ends of the log from Kafka,
// what is applied from PostgreSQL, replicas from the API server.
import { sleep } from "../../pkg/lifecycle/sleep.ts";

export interface Sample {
  /** Since the beginning, s. */
  readonly second: number;
  readonly sent: number;
  readonly replicas: number;
  readonly processes: number;
  /** Records not applied, and the age of the oldest, s; undefined while the log cannot be asked. */
  readonly lag: number | undefined;
  readonly lagSeconds: number | undefined;
  /** What the operator says. */
  readonly operatorLagSeconds: number | undefined;
  readonly reason: string;
}

export interface Look {
  readonly sent: number;
  readonly replicas: number;
  readonly processes: number;
  readonly ends: ReadonlyMap<number, number> | undefined;
  readonly applied: ReadonlyMap<number, number>;
  readonly operatorLagSeconds: number | undefined;
  readonly reason: string;
}

const EVERY_MS = 2000;

/** Records until `signal` aborts; a look that fails is tried again at the next turn. */
export async function record(look: () => Promise<Look>, samples: Sample[], signal: AbortSignal): Promise<void> {
  const startedMs = performance.now();
  const history: { second: number; ends: ReadonlyMap<number, number> }[] = [];
  while (!signal.aborted) {
    const second = (performance.now() - startedMs) / 1000;
    try {
      const { ends, applied, ...rest } = await look();
      if (ends !== undefined) history.push({ second, ends });
      samples.push({ second, ...rest, ...ages(history, ends, applied, second) });
    } catch (error) {
      if (!signal.aborted) console.log(`[recorder] ${String(error)}`);
    }
    await sleep(EVERY_MS, signal);
  }
}

function ages(
  history: readonly { second: number; ends: ReadonlyMap<number, number> }[],
  ends: ReadonlyMap<number, number> | undefined,
  applied: ReadonlyMap<number, number>,
  second: number,
): Pick<Sample, "lag" | "lagSeconds"> {
  if (ends === undefined) return { lag: undefined, lagSeconds: undefined };
  let [lag, lagSeconds] = [0, 0];
  for (const [partition, end] of ends) {
    const next = applied.get(partition) ?? 0;
    lag += Math.max(0, end - next);
    if (next >= end) continue;
    // It was there at the first look at which the log reached beyond it.
    const first = history.find((look) => (look.ends.get(partition) ?? 0) > next);
    lagSeconds = Math.max(lagSeconds, second - (first?.second ?? second));
  }
  return { lag, lagSeconds };
}
