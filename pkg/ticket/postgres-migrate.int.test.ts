import { expect, test } from "vitest";
import { freshDatabase } from "../../test/harness/database.ts";
import { AlertCastError, messageOf } from "../errors.ts";
import { checkSchema, loadMigrations, type Migration, migrate } from "./postgres-migrate.ts";
import { createPool } from "./postgres-pool.ts";

async function database() {
  await using stack = new AsyncDisposableStack();
  const fresh = stack.use(await freshDatabase());
  const pools = stack.use(new AsyncDisposableStack());
  const newPool = () => {
    const pool = createPool({ ...fresh, applicationName: "alertcast-test", onError: () => undefined });
    pools.defer(() => pool.end());
    return pool;
  };
  const all = stack.move();
  return { newPool, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function migration(version: number, sql: string): Migration {
  return { version, name: `m${version}`, sql, checksum: `sum of ${sql}` };
}

/** Code and message of the refusal. */
async function refusal(work: Promise<unknown>): Promise<[string, string]> {
  try {
    await work;
  } catch (error) {
    return [error instanceof AlertCastError ? error.code : "foreign", messageOf(error)];
  }
  return ["none", "it was not refused"];
}

test("four at once on an empty database apply each migration exactly once", async () => {
  await using world = await database();
  const pools = [1, 2, 3, 4].map(() => world.newPool());
  const applied = await Promise.all(pools.map((pool) => migrate(pool)));
  const versions = (await loadMigrations()).map(({ version }) => version);
  expect(
    applied
      .flat()
      .map(({ version }) => version)
      .sort(),
  ).toEqual(versions);
  const { rows } = await world.newPool().query("SELECT version FROM schema_migration ORDER BY version");
  expect(rows.map(({ version }) => version)).toEqual(versions);
});

test("a second run applies nothing", async () => {
  await using world = await database();
  const pool = world.newPool();
  await migrate(pool);
  expect(await migrate(pool)).toEqual([]);
});

test("a service waits for a database that lacks migrations, and starts on a whole one", async () => {
  await using world = await database();
  const pool = world.newPool();
  const [code, message] = await refusal(checkSchema(pool));
  expect([code, message]).toEqual(["unavailable", expect.stringContaining("run alertcast migrate")]);
  const migrations = await loadMigrations();
  await migrate(pool, { migrations: migrations.slice(0, 1) });
  expect((await refusal(checkSchema(pool)))[0]).toBe("unavailable");
  await migrate(pool);
  await checkSchema(pool);
});

test("a migration that fails leaves nothing behind, says which it was, and can be tried again", async () => {
  await using world = await database();
  const pool = world.newPool();
  const first = migration(1, "CREATE TABLE one (id int)");
  const broken = migration(2, "CREATE TABLE two (id int); SELECT 1/0");
  expect(await refusal(migrate(pool, { migrations: [first, broken] }))).toEqual([
    "internal",
    expect.stringContaining("0002_m2"),
  ]);
  const { rows } = await pool.query(
    "SELECT to_regclass('one') IS NOT NULL AS one, to_regclass('two') IS NOT NULL AS two",
  );
  expect(rows).toEqual([{ one: true, two: false }]);
  const mended = migration(2, "CREATE TABLE two (id int)");
  expect(await migrate(pool, { migrations: [first, mended] })).toEqual([mended]);
});

test("a changed file, a strange database and a number that comes too late are refused by name", async () => {
  await using world = await database();
  const pool = world.newPool();
  const [first, third] = [migration(1, "SELECT 1"), migration(3, "SELECT 3")];
  await migrate(pool, { migrations: [first, third] });
  const changed = { ...first, checksum: "another" };
  expect(await refusal(migrate(pool, { migrations: [changed, third] }))).toEqual([
    "conflict",
    expect.stringContaining("0001_m1"),
  ]);
  const strange = [first, migration(4, "SELECT 4")];
  expect(await refusal(migrate(pool, { migrations: strange }))).toEqual([
    "conflict",
    expect.stringContaining("0003_m3"),
  ]);
  expect(await refusal(checkSchema(pool, strange))).toEqual(["conflict", expect.stringContaining("0003_m3")]);
  const late = migration(2, "SELECT 2");
  expect(await refusal(migrate(pool, { migrations: [first, late, third] }))).toEqual([
    "conflict",
    expect.stringContaining("0002_m2"),
  ]);
});

test("a database that is newer than the program is left alone and serves it: a release can be rolled back", async () => {
  await using world = await database();
  const pool = world.newPool();
  const [first, second] = [migration(1, "SELECT 1"), migration(2, "SELECT 2")];
  await migrate(pool, { migrations: [first, second] });
  expect(await migrate(pool, { migrations: [first] })).toEqual([]);
  await expect(checkSchema(pool, [first])).resolves.toBeUndefined();
});
