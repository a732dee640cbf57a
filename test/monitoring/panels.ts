// Whether what Grafana would ask is answered: each query of each panel, put to a real Prometheus.
import { waitFor } from "../harness/wait.ts";
import { filledIn, type ShippedDashboard } from "./files.ts";
import type { Prometheus } from "./programs.ts";

const DEADLINE_MS = 240_000;

/** Resolves when every query of every panel has had a number; `round` runs before each try. Rejects with the queries that had none. */
export async function untilData(
  prometheus: Prometheus,
  dashboards: readonly ShippedDashboard[],
  round: () => Promise<void>,
): Promise<void> {
  const targets = dashboards.flatMap(({ panels }) => panels.flatMap((panel) => panel.targets));
  const waiting = new Set(targets.map(({ expr }) => filledIn(expr, "30s")));
  if (waiting.size === 0) throw new Error("there is no query to ask");
  await waitFor(
    async () => {
      await round();
      for (const expr of waiting) {
        const samples = await prometheus.query(expr);
        if (samples.some(({ value }) => !Number.isNaN(value))) waiting.delete(expr);
      }
      if (waiting.size > 0) throw new Error(`no data: ${[...waiting].join("\n")}`);
      return true;
    },
    { what: "data in every panel", deadlineMs: DEADLINE_MS },
  );
}
