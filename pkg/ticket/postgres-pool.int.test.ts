import { expect, test } from "vitest";
import { freshDatabase } from "../../test/harness/database.ts";
import { waitFor } from "../../test/harness/wait.ts";
import { hasCode } from "../errors.ts";
import { createPool, type PoolOptions, translatePostgresError } from "./postgres-pool.ts";

async function poolWith(options: Partial<PoolOptions> = {}) {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await freshDatabase());
  const lost: Error[] = [];
  const pool = createPool({
    ...database,
    applicationName: "alertcast-test",
    onError: (error) => lost.push(error),
    ...options,
  });
  stack.defer(() => pool.end());
  const all = stack.move();
  return { pool, lost, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "succeeded",
    (error: unknown) => translatePostgresError(error).code,
  );
}

const KILL_OTHERS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()`;

test("a bigint comes as a number, and as an error beyond 2^53", async () => {
  await using world = await poolWith();
  const { rows } = await world.pool.query("SELECT 9007199254740991::bigint AS n");
  expect(rows).toEqual([{ n: 9007199254740991 }]);
  expect(await codeOf(world.pool.query("SELECT 9007199254740993::bigint AS n"))).toBe("internal");
});

test("every limit is set in the session", async () => {
  await using world = await poolWith({
    statementTimeoutMs: 1_234,
    lockTimeoutMs: 234,
    idleInTransactionTimeoutMs: 3_456,
  });
  const { rows } = await world.pool.query(
    "SELECT name, setting FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'application_name') ORDER BY name",
  );
  expect(rows.map(({ setting }) => setting)).toEqual(["alertcast-test", "3456", "234", "1234"]);
});

test("a statement over its time is unavailable, and the pool goes on", async () => {
  await using world = await poolWith({ statementTimeoutMs: 50 });
  expect(await codeOf(world.pool.query("SELECT pg_sleep(60)"))).toBe("unavailable");
  expect((await world.pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
});

test("connections that the server ends are told of, idle or in use, and replaced", async () => {
  await using world = await poolWith();
  const [idle, used, killer] = await Promise.all([world.pool.connect(), world.pool.connect(), world.pool.connect()]);
  idle.release();
  await killer.query(KILL_OTHERS);
  await waitFor(() => world.lost.length === 2, { what: "both lost connections to be told of" }).finally(() =>
    killer.release(),
  );
  expect(await codeOf(used.query("SELECT 1"))).toBe("unavailable");
  used.release(true);
  expect((await world.pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
});

test("a transaction whose owner falls silent is ended by the server", async () => {
  await using world = await poolWith({ idleInTransactionTimeoutMs: 50 });
  const client = await world.pool.connect();
  await client.query("BEGIN");
  await waitFor(() => world.lost.length > 0, { what: "the server to end the transaction" });
  expect(await codeOf(client.query("COMMIT"))).toBe("unavailable");
  client.release(true);
});

test("a refused login is unavailable: the role may be created later", async () => {
  await using world = await poolWith({ database: "not_there_yet" });
  await expect(
    world.pool.query("SELECT 1").catch((error: unknown) => Promise.reject(translatePostgresError(error))),
  ).rejects.toSatisfy((error) => hasCode(error, "unavailable"));
});
