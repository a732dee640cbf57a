// The one way to a PostgreSQL connection: every timeout set, every lost connection heard, driver errors translated.
// Never decides what is asked of the database.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import pg from "pg";
import { AlertCastError } from "../errors.ts";

export interface PoolOptions {
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** A file that holds the password, read for each connection; wins over `password`. */
  readonly passwordFile?: string | undefined;
  readonly database: string;
  /** As libpq's: `require` encrypts without asking who answers, `verify-full` checks it. Default disable. */
  readonly sslMode?: "disable" | "require" | "verify-full";
  /** A file of the authorities that `verify-full` trusts, PEM, read for each connection; default the machine's own. */
  readonly sslCaFile?: string | undefined;
  /** Shown in pg_stat_activity, such as `alertcast-api`. */
  readonly applicationName: string;
  /** Called when a connection is lost outside of a query; that connection is replaced when next needed. */
  readonly onError: (error: Error) => void;
  /** Most connections at once. Default 10. */
  readonly maxConnections?: number;
  /** Longest statement. Default 10,000 ms. */
  readonly statementTimeoutMs?: number;
  /** Longest wait for a lock. Default 5,000 ms. */
  readonly lockTimeoutMs?: number;
  /** After this the server ends a transaction whose owner is silent. Default 10,000 ms. */
  readonly idleInTransactionTimeoutMs?: number;
  /** Longest wait for a connection, new or from the pool. Default 5,000 ms. */
  readonly connectTimeoutMs?: number;
}

/** How much longer than the server we wait for an answer, ms: only a dead connection uses it up. */
const ANSWER_GRACE_MS = 2_000;
const INT8_OID = 20;

/**
 * A pool with all its limits. Connects when first used; `end()` it. int8 comes as a Number, other types as usual in pg.
 * @throws the file system's error when the authorities' file cannot be read now; later it is told to `onError`
 */
export function createPool(options: PoolOptions): pg.Pool {
  const { statementTimeoutMs = 10_000, onError } = options;
  const pool = new pg.Pool({
    host: options.host,
    port: options.port,
    user: options.user,
    password: passwordOf(options),
    ssl: sslOf(options),
    database: options.database,
    application_name: options.applicationName,
    max: options.maxConnections ?? 10,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + ANSWER_GRACE_MS,
    lock_timeout: options.lockTimeoutMs ?? 5_000,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 10_000,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser },
  });
  // A connection in use reports its loss only to its own listeners, an idle one to the pool's as well, and either may
  // do so twice (why, then that it is gone). Each is told once, here; without a pool listener the process would end.
  pool.on("connect", (client) => {
    let told = false;
    client.on("error", (error) => {
      if (!told) onError(error);
      told = true;
    });
  });
  pool.on("error", () => undefined);
  return pool;
}

function passwordOf({ password, passwordFile }: PoolOptions): string | (() => Promise<string>) {
  if (passwordFile === undefined) return password;
  return async () => (await readFile(passwordFile, "utf8")).trimEnd();
}

function sslOf({ sslMode = "disable", sslCaFile, onError }: PoolOptions): pg.PoolConfig["ssl"] {
  if (sslMode === "disable") return false;
  if (sslMode === "require") return { rejectUnauthorized: false };
  if (sslCaFile === undefined) return { rejectUnauthorized: true };
  let lastRead = readFileSync(sslCaFile, "utf8");
  return {
    rejectUnauthorized: true,
    // pg copies this object for each connection. It hears nothing that is thrown then: the process would end.
    get ca() {
      try {
        lastRead = readFileSync(sslCaFile, "utf8");
      } catch (error) {
        onError(new Error(`cannot read ${sslCaFile}, the authorities last read still count`, { cause: error }));
      }
      return lastRead;
    },
  };
}

const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: "text" | "binary") => {
  if (oid === INT8_OID && format !== "binary") return int8;
  return format === "binary" ? pg.types.getTypeParser(oid, format) : pg.types.getTypeParser(oid, "text");
};

function int8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new AlertCastError("internal", `${text} from PostgreSQL is beyond 2^53`);
  return value;
}

/**
 * SQLSTATE classes and codes after which the same work may succeed later: connection (08), no resources (53),
 * shutdown (57P), system error such as a full disk (58), login or database not there yet (28, 3D),
 * rollback by conflict (40), cancelled by a timeout (57014, 55P03, 25P03), a server that has become a standby (25006),
 * a table that is not there yet (42P01: not migrated).
 */
const TRANSIENT_STATE = /^(08|28|3D|40|53|57P|58|57014$|55P03$|25P03$|25006$|42P01$)/;
const NETWORK_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "ETIMEDOUT",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOENT",
  "EMFILE",
]);
/** OpenSSL's and Node's words for a server we do not trust (yet): renewed certificates and authorities may be on their way. */
const CERTIFICATE_CODES = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_SIGNATURE_FAILURE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
/** The driver's own errors, which have no code. */
const CONNECTION_MESSAGE =
  /Connection terminated|Connection ended|timeout exceeded when trying to connect|timeout expired|Query read timeout|not queryable|Client was closed|Cannot use a pool after calling end/i;

/**
 * Any error of the driver as an AlertCastError: `unavailable` if trying again later may help, else `internal`.
 * The message holds none of the driver's words, so clients may see it; those are in the cause.
 */
export function translatePostgresError(error: unknown): AlertCastError {
  if (error instanceof AlertCastError) return error;
  const code = codeOf(error);
  const suffix = code === undefined ? "" : ` (${code})`;
  if (!isTransient(error))
    return new AlertCastError("internal", `PostgreSQL refused a statement${suffix}`, { cause: error });
  return new AlertCastError("unavailable", `PostgreSQL ${troubleOf(code)}${suffix}`, { cause: error });
}

function troubleOf(code: string | undefined): string {
  if (code === undefined) return "does not answer";
  if (code === "42P01") return "lacks a table, run alertcast migrate";
  if (CERTIFICATE_CODES.has(code)) return "shows a certificate that is not trusted";
  return /^(28|3D)/.test(code) ? "refuses the login" : "does not answer";
}

/** SQLSTATE or the name of a network error. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function isTransient(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isTransient);
  if (!(error instanceof Error)) return false;
  if (error instanceof pg.DatabaseError) return TRANSIENT_STATE.test(error.code ?? "");
  const code = codeOf(error) ?? "";
  return NETWORK_CODES.has(code) || CERTIFICATE_CODES.has(code) || CONNECTION_MESSAGE.test(error.message);
}
