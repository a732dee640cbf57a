// Opens the data folder of a standalone process that has ended, to look at what it left.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import type pg from "pg";
import { createPool } from "../pkg/ticket/postgres-pool.ts";

/** Runs `look` with a connection to the folder's database. */
export async function withDataFolder<T>(dataDir: string, look: (pool: pg.Pool) => Promise<T>): Promise<T> {
  await using stack = new AsyncDisposableStack();
  const db = stack.adopt(new PGlite(join(dataDir, "pg")), (d) => d.close());
  await db.waitReady;
  const socketDir = stack.adopt(await mkdtemp(join(tmpdir(), "look-")), (dir) =>
    rm(dir, { recursive: true, force: true }),
  );
  const server = new PGLiteSocketServer({ db, path: join(socketDir, ".s.PGSQL.5432") });
  await server.start();
  stack.defer(() => server.stop());
  const pool = createPool({
    host: socketDir,
    port: 5432,
    user: "postgres",
    password: "postgres",
    database: "postgres",
    applicationName: "test",
    maxConnections: 1,
    statementTimeoutMs: 60_000,
    onError: () => undefined,
  });
  stack.defer(() => pool.end());
  return await look(pool);
}
