// Makes the login roles of the services and gives each what it needs, no more. Run by the owner of the tables, after the
// migrations. Never takes a right away, and never sends a password in the clear.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import type pg from "pg";
import { AlertCastError } from "../errors.ts";
import { translatePostgresError } from "./postgres-pool.ts";

/** What a role is for. */
export type RolePurpose = "processor" | "api";

export interface RoleSpec {
  readonly purpose: RolePurpose;
  readonly name: string;
  readonly password: string;
}

/** The processor writes what the log says; the API reads. */
const TABLE_RIGHTS: Record<RolePurpose, string> = {
  processor: "SELECT, INSERT, UPDATE, DELETE",
  api: "SELECT",
};
const SCRAM_ITERATIONS = 4096;
const INSUFFICIENT_PRIVILEGE = "42501";

/**
 * Makes the role where it is missing, sets its password, and grants it the schema's tables. Running it again is harmless.
 * @returns "made", "updated", or "kept": it is there, and the owner may not change it (a managed database)
 * @throws `invalid` when the role is missing and the owner may not make it; `unavailable`
 */
export async function ensureRole(pool: pg.Pool, role: RoleSpec): Promise<"made" | "updated" | "kept"> {
  try {
    const made = await ensureLogin(pool, role);
    for (const statement of grants(role)) await pool.query(statement);
    return made;
  } catch (error) {
    throw translatePostgresError(error);
  }
}

async function ensureLogin(pool: pg.Pool, { name, password }: RoleSpec) {
  const exists = (await pool.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [name])).rows.length > 0;
  const login = `LOGIN PASSWORD ${quoted(scramVerifier(password))}`;
  try {
    await pool.query(`${exists ? "ALTER" : "CREATE"} ROLE ${identifier(name)} ${login}`);
    return exists ? "updated" : "made";
  } catch (error) {
    const refused = error instanceof Error && "code" in error && error.code === INSUFFICIENT_PRIVILEGE;
    if (refused && exists) return "kept";
    if (!refused) throw error;
    throw new AlertCastError("invalid", `the role ${name} is missing, and the owner may not make it (CREATEROLE)`, {
      cause: error,
    });
  }
}

function grants({ name, purpose }: RoleSpec): string[] {
  const to = identifier(name);
  return [
    `GRANT USAGE ON SCHEMA public TO ${to}`,
    `GRANT ${TABLE_RIGHTS[purpose]} ON ALL TABLES IN SCHEMA public TO ${to}`,
    ...(purpose === "processor" ? [`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ${to}`] : []),
  ];
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** What PostgreSQL stores of a password: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` (RFC 5803). */
function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  // SASLprep changes nothing in what is printable ASCII, and generated passwords are.
  const salted = pbkdf2Sync(password.normalize("NFKC"), salt, SCRAM_ITERATIONS, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  const serverKey = hmac("Server Key").toString("base64");
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
