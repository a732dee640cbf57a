// What watchers of the system ask of a real PostgreSQL.
import { expect, test } from "vitest";
import { insertTickets, migratedDatabase } from "../../test/tickets.ts";
import { postgresReader } from "./postgres-read.ts";

const AGO = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

test("the oldest open ticket waits since it was opened, a reopened one since it was reopened", async () => {
  await using database = await migratedDatabase();
  const { pool } = database;
  const names: string[] = [];
  const reader = postgresReader(pool, (name, run) => {
    names.push(name);
    return run();
  });
  expect(await reader.unacknowledgedOldest()).toEqual({ critical: 0, high: 0, medium: 0, low: 0 });
  const [reopened] = await insertTickets(pool, [
    { severity: "critical", createdAt: AGO(600) },
    { severity: "critical", createdAt: AGO(30) },
    { severity: "critical", status: "acknowledged", createdAt: AGO(300) },
    { severity: "high", status: "resolved", createdAt: AGO(300) },
    { severity: "medium", createdAt: AGO(5) },
  ]);
  const before = await reader.unacknowledgedOldest();
  expect(before.critical).toBeGreaterThan(599 * 60);
  expect(before).toMatchObject({ high: 0, low: 0 });
  expect(before.medium).toBeGreaterThan(4 * 60);
  await pool.query("UPDATE ticket SET reopens = 1 WHERE id = $1", [reopened]);
  const event = `INSERT INTO ticket_event (ticket_id, at, type, cause, notify, rule_version, created_at)
    VALUES ($1, now(), $2, 'entry', true, 'v', $3)`;
  await pool.query(event, [reopened, "opened", AGO(600)]);
  await pool.query(event, [reopened, "reopened", AGO(10)]);
  const after = await reader.unacknowledgedOldest();
  expect(after.critical).toBeGreaterThan(29 * 60);
  expect(after.critical).toBeLessThan(599 * 60);
  expect(names).toEqual(Array.from({ length: 3 }, () => "unacknowledged-oldest"));
});

test("the oldest is found by an index, however many open tickets there are", async () => {
  await using database = await migratedDatabase();
  const { pool } = database;
  await insertTickets(
    pool,
    Array.from({ length: 5_000 }, (_, i) => ({ severity: "low" as const, createdAt: AGO(i + 1) })),
  );
  await pool.query("ANALYZE ticket");
  const plans: string[] = [];
  const explaining = new Proxy(pool, {
    get: (target, property) =>
      property === "query"
        ? async (text: string) => {
            const plan = await target.query<{ "QUERY PLAN": string }>(`EXPLAIN ANALYZE ${text}`);
            plans.push(plan.rows.map((row) => row["QUERY PLAN"]).join("\n"));
            return target.query(text);
          }
        : Reflect.get(target, property, target),
  });
  const oldest = await postgresReader(explaining).unacknowledgedOldest();
  expect(oldest.low).toBeGreaterThan(4_999 * 60);
  expect(plans.join("\n")).toMatch(/Index Scan Backward using ticket_by_state/);
});
