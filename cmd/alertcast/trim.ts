// The embedded log keeps a week of events, as Kafka would: older ones go once no snapshot needs them.
import type pg from "pg";
import { hasCode, messageOf } from "../../pkg/errors.ts";
import type { Task } from "../../pkg/lifecycle/run-tasks.ts";
import type { Sleep } from "../../pkg/lifecycle/sleep.ts";
import type { PostgresLog } from "../../pkg/log/postgres.ts";
import type { Logger } from "../../pkg/telemetry/logger.ts";
import { translatePostgresError } from "../../pkg/ticket/postgres-pool.ts";

const EVERY_MS = 3_600_000;
const RETENTION_MS = 7 * 24 * 3_600_000;

/** Per partition: the first record young enough to stay, but never beyond the oldest snapshot that is kept. */
const TRIM_TO = `
SELECT s.partition, least(min(s.next_offset), (
  SELECT coalesce(min(r.record_offset), min(s.next_offset)) FROM log_record r
  WHERE r.topic = $2 AND r.partition = s.partition AND r.append_time_ms >= $3::bigint
)) AS before
FROM snapshot s WHERE s.consumer_group = $1 AND s.topic = $2 GROUP BY s.partition`;

export interface TrimDeps {
  readonly pool: pg.Pool;
  readonly log: PostgresLog;
  readonly group: string;
  readonly topic: string;
  readonly logger: Logger;
  readonly sleep: Sleep;
}

/** A task: trims at the start and then every hour. */
export function trimTask(deps: TrimDeps): Task {
  return async (signal) => {
    while (!signal.aborted) {
      try {
        await trim(deps, Date.now() - RETENTION_MS);
      } catch (error) {
        if (!hasCode(error, "unavailable")) throw error;
        deps.logger.warn({ error: messageOf(error) }, "old events not trimmed this time");
      }
      await deps.sleep(EVERY_MS, signal);
    }
  };
}

async function trim(deps: TrimDeps, beforeMs: number): Promise<void> {
  const values = [deps.group, deps.topic, beforeMs];
  const { rows } = await deps.pool
    .query<{ partition: number; before: number }>(TRIM_TO, values)
    .catch((error: unknown) => Promise.reject(translatePostgresError(error)));
  await deps.log.trim(rows.map(({ partition, before }) => ({ partition, offset: before })));
}
