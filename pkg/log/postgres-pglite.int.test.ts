import { readFile } from "node:fs/promises";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import pg from "pg";
import { afterAll, beforeAll } from "vitest";
import { freePort } from "../../test/harness/port.ts";
import { logContract } from "./contract.ts";
import { postgresLog } from "./postgres.ts";

const migrations = new URL("../ticket/migrations/", import.meta.url);
const cleanup = new AsyncDisposableStack();
let pool: pg.Pool;
let topics = 0;

beforeAll(async () => {
  const db = cleanup.adopt(await PGlite.create(), (open) => open.close());
  const port = await freePort();
  const server = cleanup.adopt(new PGLiteSocketServer({ db, port, host: "127.0.0.1", maxConnections: 10 }), (running) =>
    running.stop(),
  );
  await server.start();
  const address = { host: "127.0.0.1", port, user: "postgres", database: "postgres" };
  pool = cleanup.adopt(new pg.Pool({ ...address, max: 6 }), (open) => open.end());
  for (const file of ["0001_core.sql", "0002_embedded_log.sql"]) {
    await pool.query(await readFile(new URL(file, migrations), "utf8"));
  }
});

afterAll(() => cleanup.disposeAsync());

logContract("PGlite", async (partitions) => {
  const log = postgresLog({ pool, topic: `topic-${topics++}`, partitions });
  return { log, deleteBefore: (partition, offset) => log.trim([{ partition, offset }]) };
});
