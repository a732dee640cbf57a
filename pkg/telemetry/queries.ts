// What statements tell of themselves: how long each took, by its name, and a span where a trace is under way. Never what
// is asked or answered.
import type { Metrics } from "./catalogue.ts";
import { noTracing, type Tracing } from "./tracing.ts";

/** Runs a statement under its name, one of few. */
export type QueryObserver = <T>(name: string, run: () => Promise<T>) => Promise<T>;

/** Tells nobody. */
export const unobserved: QueryObserver = (_name, run) => run();

/** Measures each statement. */
export function observeQueries(
  metrics: Pick<Metrics, "postgresQueryDuration">,
  tracing: Tracing = noTracing,
): QueryObserver {
  return async (query, run) => {
    const startedMs = performance.now();
    try {
      if (!tracing.enabled) return await run();
      const attributes = { "db.system.name": "postgresql", "db.operation.name": query };
      return await tracing.span(`postgres ${query}`, { kind: "client", attributes, partOnly: true }, run);
    } finally {
      metrics.postgresQueryDuration.observe({ query }, (performance.now() - startedMs) / 1000);
    }
  };
}

/** Shows at each scrape how many connections a pool has, and who waits for one. */
export function showPool(
  metrics: Pick<Metrics, "postgresConnections" | "onScrape">,
  pool: { readonly totalCount: number; readonly idleCount: number; readonly waitingCount: number },
): void {
  metrics.onScrape(() => {
    metrics.postgresConnections.set({ state: "busy" }, pool.totalCount - pool.idleCount);
    metrics.postgresConnections.set({ state: "idle" }, pool.idleCount);
    metrics.postgresConnections.set({ state: "waiting" }, pool.waitingCount);
  });
}
