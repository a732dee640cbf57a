// The pool against a PostgreSQL with TLS whose authority is replaced while the process runs, as operators of databases do.
import { chmod, chown, copyFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPool, translatePostgresError } from "../pkg/ticket/postgres-pool.ts";
import { type Authority, makeAuthority } from "./harness/authority.ts";
import { startPostgres } from "./harness/start-postgres.ts";
import { temporaryFolder } from "./harness/start-services.ts";
import { waitFor } from "./harness/wait.ts";

const stack = new AsyncDisposableStack();
let url: URL;
let admin: pg.Client;
let dataFolder: string;

beforeAll(async () => {
  const folder = await temporaryFolder(stack, true);
  const { address } = await startPostgres({ folder, stack, guarded: true });
  url = new URL(address);
  admin = new pg.Client({ connectionString: address });
  await admin.connect();
  stack.defer(() => admin.end());
  dataFolder = (await admin.query("SHOW data_directory")).rows[0].data_directory;
});
afterAll(() => stack.disposeAsync());

async function newAuthority(): Promise<Authority> {
  return makeAuthority(await temporaryFolder(stack, true));
}

/** From here on new connections see a certificate of this authority. */
async function serveWith(authority: Authority): Promise<void> {
  const { certFile, keyFile } = await authority.issue("postgres", ["IP:127.0.0.1"]);
  const { uid, gid } = await stat(dataFolder);
  for (const [from, name] of [
    [certFile, "server.crt"],
    [keyFile, "server.key"],
  ] as const) {
    const file = join(dataFolder, name);
    await copyFile(from, file);
    await chmod(file, 0o600);
    await chown(file, uid, gid);
  }
  await admin.query("ALTER SYSTEM SET ssl = on");
  await admin.query("SELECT pg_reload_conf()");
  await using trusting = poolWith(authority.caFile);
  await waitFor(trusting.connects, { what: "PostgreSQL to show the certificate" });
}

function poolWith(sslCaFile: string) {
  const told: Error[] = [];
  const pool = createPool({
    host: url.hostname,
    port: Number(url.port),
    user: url.username,
    password: "",
    database: "postgres",
    sslMode: "verify-full",
    sslCaFile,
    applicationName: "alertcast-test",
    onError: (error) => told.push(error),
  });
  return {
    told,
    /** Makes a new connection and lets it go. */
    async connects(): Promise<true> {
      (await pool.connect()).release(true);
      return true;
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

test("a renewed authority counts from the next connection on, and an untrusted server may become trusted", async () => {
  const [old, renewed] = [await newAuthority(), await newAuthority()];
  const caFile = join(await temporaryFolder(stack, true), "ca.crt");
  await copyFile(old.caFile, caFile);
  await serveWith(old);
  await using pool = poolWith(caFile);
  await pool.connects();

  await serveWith(renewed);
  const refused = await pool.connects().catch(translatePostgresError);
  expect(refused).toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("a certificate that is not trusted"),
  });

  await copyFile(renewed.caFile, caFile);
  await pool.connects();
});

test("while the authorities cannot be read those last read still count, and it is told", async () => {
  const authority = await newAuthority();
  await serveWith(authority);
  await using pool = poolWith(authority.caFile);
  await rm(authority.caFile);
  await pool.connects();
  expect(pool.told.map(({ message }) => message)).toEqual([expect.stringContaining("cannot read")]);
  expect(() => poolWith(authority.caFile)).toThrow("ENOENT");
});
