// Starts a real PostgreSQL with its data in a given folder.
import { execFile, execFileSync } from "node:child_process";
import { chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { freePort } from "./port.ts";
import { ServerProcess, type StartedServer, type StartOptions } from "./server-process.ts";
import { postgresFolder } from "./tools.ts";
import { waitFor } from "./wait.ts";

const READY_DEADLINE_MS = 120_000;
const USER = "alertcast";

/** Only the tests' own user is trusted: roles that a test makes have to show their password. */
const ACCESS = `host all ${USER} 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n`;

/** Starts a server on 127.0.0.1 that trusts its superuser; resolves when it answers. `address` is a connection URL. */
export async function startPostgres(options: StartOptions): Promise<StartedServer> {
  const bin = postgresFolder();
  if (!bin) throw new Error("PostgreSQL is missing: run scripts/setup-services.sh");
  const folder = join(options.folder, "postgres");
  const data = join(folder, "data");
  const owner = unprivilegedOwner();
  await mkdir(folder, { recursive: true });
  if (owner) await chown(folder, owner.uid, owner.gid);
  await promisify(execFile)(
    join(bin, "initdb"),
    ["-D", data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"],
    { ...owner, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: "C" } },
  );
  await writeFile(join(data, "pg_hba.conf"), ACCESS);

  const port = await freePort();
  const address = `postgres://${USER}@127.0.0.1:${port}/postgres`;
  const server = options.stack.use(
    new ServerProcess({
      name: "PostgreSQL",
      command: join(bin, "postgres"),
      args: ["-D", data, "-p", String(port), ...settings()],
      ...(owner && { owner }),
      logFile: join(options.folder, "postgres.log"),
      ready: () => waitFor(() => answers(address), { what: "PostgreSQL to answer", deadlineMs: READY_DEADLINE_MS }),
      guarded: options.guarded,
    }),
  );
  await server.start();
  return { address, server };
}

// fsync and synchronous_commit stay on: the tests are about what survives.
function settings(): string[] {
  const values = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    shared_buffers: "64MB",
    max_wal_size: "512MB",
    max_parallel_workers_per_gather: "0",
    jit: "off",
  };
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function answers(url: string): Promise<true> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query("SELECT 1");
    return true;
  } finally {
    await client.end();
  }
}

// PostgreSQL refuses to run as root; Debian's package brings the user "postgres".
function unprivilegedOwner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: idOf("-u"), gid: idOf("-g") };
}
