// Brings a database to the newest schema: numbered SQL files, each in one transaction, under a lock, once.
// Never goes back. A database that is newer than this program is left as it is, and good enough: what a version no longer
// needs is dropped only two versions later, so that the one before can be put back.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type pg from "pg";
import { AlertCastError, messageOf } from "../errors.ts";
import { translatePostgresError } from "./postgres-pool.ts";

export interface Migration {
  /** From 1; a file `0003_ticket_lists.sql` is version 3. */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, hex. */
  readonly checksum: string;
}

export interface MigrateOptions {
  /** Called when a migration has been committed. */
  readonly onApplied?: (migration: Migration) => void;
  /** Default: the files of this program. */
  readonly migrations?: readonly Migration[];
}

type Applied = Pick<Migration, "version" | "name" | "checksum">;

/** Advisory lock of all migrations of one database: "alertcas" read as a number. */
const LOCK_KEY = "7020097461417107827";
/** A migration may rewrite a large table; a statement that takes longer than this has hung. */
const LONGEST_STATEMENT_MS = 3_600_000;
const FOLDER = new URL("./migrations/", import.meta.url);
const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/;
const UNDEFINED_TABLE = "42P01";

const BEGIN = `
BEGIN;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 60000;
SELECT pg_advisory_xact_lock(${LOCK_KEY});
SET LOCAL lock_timeout = 10000;
CREATE TABLE IF NOT EXISTS schema_migration (
  version integer PRIMARY KEY,
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)`;
const READ_APPLIED = "SELECT version, name, checksum FROM schema_migration ORDER BY version";
const RECORD = "INSERT INTO schema_migration (version, name, checksum) VALUES ($1, $2, $3)";

/** The migrations of this program by version. Throws `internal` on a file that is not named and numbered as it should be. */
export async function loadMigrations(folder: URL = FOLDER): Promise<Migration[]> {
  const migrations: Migration[] = [];
  for (const file of (await readdir(folder)).sort()) {
    const [, number, name] = FILE_NAME.exec(file) ?? [];
    if (number === undefined || name === undefined) {
      throw new AlertCastError("internal", `migration ${file} is not named like 0001_name.sql`);
    }
    const sql = await readFile(new URL(file, folder), "utf8");
    migrations.push({ version: Number(number), name, sql, checksum: createHash("sha256").update(sql).digest("hex") });
  }
  if (new Set(migrations.map((m) => m.version)).size !== migrations.length) {
    throw new AlertCastError("internal", "two migrations have the same number");
  }
  return migrations;
}

/**
 * Applies what is missing, in order. Running it again, or several times at once, is harmless.
 * @returns the migrations that this call applied
 * @throws `conflict` when the database was made by other files; `unavailable`
 */
export async function migrate(pool: pg.Pool, options: MigrateOptions = {}): Promise<Migration[]> {
  const migrations = options.migrations ?? (await loadMigrations());
  const done: Migration[] = [];
  for (;;) {
    const next = await applyNext(pool, migrations);
    if (next === undefined) return done;
    done.push(next);
    options.onApplied?.(next);
  }
}

/**
 * What a service asks before it starts.
 * @throws `unavailable` when migrations are missing (they may be under way) or PostgreSQL is away; `conflict` as `migrate`
 */
export async function checkSchema(pool: pg.Pool, migrations?: readonly Migration[]): Promise<void> {
  const missing = missingOf(migrations ?? (await loadMigrations()), await readApplied(pool));
  const [first] = missing;
  if (first === undefined) return;
  throw new AlertCastError("unavailable", `the database lacks migration ${label(first)}: run alertcast migrate`);
}

/** The lock is held for one transaction: it cannot outlive it, and works where connections share a session (PGlite). */
async function applyNext(pool: pg.Pool, migrations: readonly Migration[]): Promise<Migration | undefined> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw translatePostgresError(error);
  }
  try {
    const next = await applyInTransaction(client, migrations);
    client.release();
    return next;
  } catch (error) {
    client.release(true);
    throw translatePostgresError(error);
  }
}

async function applyInTransaction(client: pg.PoolClient, migrations: readonly Migration[]) {
  const run = (text: string) => {
    // The driver reads query_timeout here, its types do not say so.
    const query: pg.QueryConfig & { query_timeout: number } = { text, query_timeout: LONGEST_STATEMENT_MS };
    return client.query(query);
  };
  await run(BEGIN);
  const applied = await client.query<Applied>(READ_APPLIED);
  const [next] = missingOf(migrations, applied.rows);
  if (next !== undefined) {
    try {
      await run(next.sql);
    } catch (error) {
      // A table that a migration misses does not come by waiting.
      const code = isUndefinedTable(error) ? "internal" : translatePostgresError(error).code;
      throw new AlertCastError(code, `migration ${label(next)} failed: ${messageOf(error)}`, { cause: error });
    }
    await client.query(RECORD, [next.version, next.name, next.checksum]);
  }
  const ended = await client.query("COMMIT");
  if (ended.command !== "COMMIT") throw new AlertCastError("internal", `a migration ended with ${ended.command}`);
  return next;
}

async function readApplied(pool: pg.Pool): Promise<Applied[]> {
  try {
    return (await pool.query<Applied>(READ_APPLIED)).rows;
  } catch (error) {
    if (isUndefinedTable(error)) return [];
    throw translatePostgresError(error);
  }
}

function isUndefinedTable(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === UNDEFINED_TABLE;
}

/** The migrations still to apply; throws `conflict` when what was applied is not the beginning of ours. */
function missingOf(migrations: readonly Migration[], applied: readonly Applied[]): Migration[] {
  const ours = new Map(migrations.map((migration) => [migration.version, migration]));
  const last = Math.max(0, ...ours.keys());
  let newest = 0;
  for (const theirs of applied) {
    newest = Math.max(newest, theirs.version);
    if (theirs.version > last) continue;
    const own = ours.get(theirs.version);
    if (own === undefined) {
      throw new AlertCastError(
        "conflict",
        `the database has migration ${label(theirs)}, which this program does not have`,
      );
    }
    if (own.checksum !== theirs.checksum) {
      throw new AlertCastError(
        "conflict",
        `migration ${label(own)} was applied to the database with another text: its file must not change`,
      );
    }
  }
  const missing = migrations.filter((m) => !applied.some((a) => a.version === m.version));
  const late = missing.find((m) => m.version < newest);
  if (late === undefined) return missing;
  throw new AlertCastError(
    "conflict",
    `migration ${label(late)} was never applied, although ${newest} was: give it a newer number`,
  );
}

function label(migration: Pick<Migration, "version" | "name">): string {
  return `${String(migration.version).padStart(4, "0")}_${migration.name}`;
}
