// PostgreSQL inside the process (PGlite) behind a socket, so that the same driver and the same SQL serve both.
import { mkdir, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join, relative, resolve } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import type pg from "pg";
import { AlertCastError } from "../../pkg/errors.ts";
import { createPool } from "../../pkg/ticket/postgres-pool.ts";

const PORT = 5432;
/** Operating systems take unix socket paths of about 104 bytes. */
const LONGEST_SOCKET_PATH = 100;

export interface EmbeddedDatabase extends AsyncDisposable {
  readonly pool: pg.Pool;
}

/**
 * Opens (or makes) the database in this folder; undefined keeps it in memory only.
 * @throws AlertCastError `conflict` when another process has the folder open, `invalid` when its path is too long
 */
export async function openEmbedded(
  dataDir: string | undefined,
  socketDir: string,
  onError: (error: Error) => void,
): Promise<EmbeddedDatabase> {
  await using stack = new AsyncDisposableStack();
  if (dataDir !== undefined) {
    await mkdir(dataDir, { recursive: true });
    stack.use(await lockFolder(dataDir));
  }
  const db = stack.adopt(new PGlite(dataDir === undefined ? "memory://" : join(dataDir, "pg")), (d) => d.close());
  await db.waitReady;
  const server = new PGLiteSocketServer({ db, path: join(socketDir, `.s.PGSQL.${PORT}`), maxConnections: 4 });
  await server.start();
  stack.defer(() => server.stop());
  // One connection: PGlite has one session, and its socket server lets the messages of several clients mix outside of
  // transactions (each message is queued by itself, so one client's Parse can replace another's before its Bind).
  const pool = createPool({
    host: resolve(socketDir),
    port: PORT,
    user: "postgres",
    password: "postgres",
    database: "postgres",
    applicationName: "alertcast",
    maxConnections: 1,
    connectTimeoutMs: 30_000,
    onError,
  });
  stack.defer(() => pool.end());
  const owned = stack.move();
  return { pool, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A socket that a live process listens on marks the folder as taken; what a killed one left behind is cleared. */
async function lockFolder(dataDir: string): Promise<AsyncDisposable> {
  const absolute = resolve(dataDir, "lock.sock");
  const nearby = relative(process.cwd(), absolute);
  const path = nearby.length < absolute.length ? nearby : absolute;
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) {
    throw new AlertCastError("invalid", `DATA_DIR: ${path} is too long for a socket; choose a shorter path`);
  }
  for (let attempt = 0; ; attempt++) {
    const server = createServer((socket) => socket.destroy());
    const failed = await new Promise<NodeJS.ErrnoException | undefined>((done) => {
      server.once("error", done);
      server.listen(path, () => done(undefined));
    });
    if (failed === undefined) {
      return { [Symbol.asyncDispose]: () => new Promise((done) => server.close(() => done())) };
    }
    if (failed.code !== "EADDRINUSE")
      throw new AlertCastError("invalid", `DATA_DIR: ${failed.message}`, { cause: failed });
    if (attempt > 0 || (await isAlive(path))) {
      throw new AlertCastError("conflict", `another alertcast is using the data in ${dataDir}`);
    }
    await rm(path, { force: true });
  }
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}
