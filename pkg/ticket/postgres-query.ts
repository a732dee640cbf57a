// How statements reach PostgreSQL: each by its name, so that it can be measured. Never decides what is asked.
import type pg from "pg";
import type { QueryObserver } from "../telemetry/queries.ts";

/** Sends one statement under a name; throws the driver's errors. */
export type Ask = <R extends pg.QueryResultRow>(
  name: string,
  text: string,
  values?: readonly unknown[],
) => Promise<pg.QueryResult<R>>;

export function asker(client: pg.Pool | pg.ClientBase, observe: QueryObserver): Ask {
  return <R extends pg.QueryResultRow>(name: string, text: string, values: readonly unknown[] = []) =>
    observe(name, () => client.query<R>(text, values.length === 0 ? undefined : [...values]));
}
