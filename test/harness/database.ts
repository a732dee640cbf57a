// Gives each test file a PostgreSQL database of its own.
import { randomBytes } from "node:crypto";
import pg from "pg";
import { services } from "./services.ts";
import { waitFor } from "./wait.ts";

export interface FreshDatabase extends AsyncDisposable {
  /** Connection URL of this database. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Drops the database, ending its connections. Harmless when called again. */
  drop(): Promise<void>;
}

// What PostgreSQL answers while somebody else copies from or is connected to the template.
const OBJECT_IN_USE = "55006";

/** Creates an empty database, or a copy of the database named `template` (nobody may be connected to that). */
export async function freshDatabase(options: { readonly template?: string } = {}): Promise<FreshDatabase> {
  const database = `test_${randomBytes(8).toString("hex")}`;
  const template = options.template === undefined ? "" : ` TEMPLATE ${pg.escapeIdentifier(options.template)}`;
  await waitFor(() => createOnce(`CREATE DATABASE ${database}${template}`), {
    what: `database ${database} to be created`,
  });
  const url = new URL(services().pgUrl);
  url.pathname = `/${database}`;
  const drop = () => maintain(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  return {
    url: url.href,
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    drop,
    [Symbol.asyncDispose]: drop,
  };
}

async function createOnce(statement: string): Promise<boolean> {
  try {
    await maintain(statement);
    return true;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === OBJECT_IN_USE) return false;
    throw error;
  }
}

async function maintain(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: services().pgUrl, connectionTimeoutMillis: 30_000 });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
