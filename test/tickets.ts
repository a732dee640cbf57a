// Puts tickets into a database directly, without the pipeline, for tests of the read side; counts are kept as the store keeps them.
import type pg from "pg";
import type { Severity } from "../pkg/rule/model.ts";
import { migrate } from "../pkg/ticket/postgres-migrate.ts";
import { createPool } from "../pkg/ticket/postgres-pool.ts";
import type { TicketStatus } from "../pkg/ticket/ticket.ts";
import { freshDatabase } from "./harness/database.ts";

export interface NewTicket {
  readonly status?: TicketStatus;
  readonly severity?: Severity;
  readonly device?: string;
  readonly rule?: string;
  readonly reason?: string;
  readonly eventJson?: string;
  /** Timestamp text, to the microsecond; default the transaction's now(). */
  readonly createdAt?: string;
}

export const EVIDENCE = {
  rule_version: "0123456789abcdef",
  level: "high",
  values: { "event.temperature": 91.2 },
  entry: { topic: "device_events", partition: 0, offset: 7, append_time: "2026-01-01T00:00:00.000Z" },
  event_id: null,
  event_time: "2026-01-01T00:00:00.000Z",
  trace_id: null,
  since: null,
  due: null,
} as const;

export interface MigratedDatabase extends AsyncDisposable {
  readonly pool: pg.Pool;
  /** Another pool on the same database; disposed with it. */
  newPool(): pg.Pool;
}

/** A database of its own with the newest schema. */
export async function migratedDatabase(): Promise<MigratedDatabase> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await freshDatabase());
  const pools = stack.use(new AsyncDisposableStack());
  const newPool = () => {
    // A lost connection also fails the query that needs it, and that fails the test.
    const created = createPool({ ...database, applicationName: "alertcast-test", onError: () => undefined });
    pools.defer(() => created.end());
    return created;
  };
  const pool = newPool();
  await migrate(pool);
  const all = stack.move();
  return { pool, newPool, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const INSERT = `
INSERT INTO ticket (partition, rule_id, device_id, dedup_key, seq, status, severity, peak_severity, reason, region, labels,
  runbook, opened_at, resolved_at, first_seen, last_seen, occurrences, reopens, alarm_on, run_notified, opened_under,
  rule_version, evidence, event_json, created_at)
SELECT 0, r.rule, r.device, '[' || r.seq || ']', 1, r.status, r.severity, r.severity, r.reason, 'eu-west', '{"site":"a"}',
  NULL, at, CASE WHEN r.status = 'resolved' THEN at END, at, at, 1, 0, r.status <> 'resolved', true, 0,
  '0123456789abcdef', $2, r.event, at
FROM (SELECT *, coalesce(created, now()) AS at FROM json_to_recordset($1::json) AS x (rule text, device text, seq int,
  status text, severity text, reason text, event text, created timestamptz, n int)) r
ORDER BY r.n RETURNING id`;
const COUNT = `
INSERT INTO ticket_count (partition, severity, status, n, version)
SELECT 0, severity, status, count(*), 1 FROM ticket WHERE id = ANY($1) GROUP BY severity, status ORDER BY 1, 2, 3
ON CONFLICT (partition, severity, status) DO UPDATE SET n = ticket_count.n + excluded.n, version = ticket_count.version + 1`;
const UNCOUNT = `
UPDATE ticket_count c SET n = c.n - t.n, version = version + 1
FROM (SELECT severity, status, count(*) AS n FROM ticket WHERE id = ANY($1) GROUP BY severity, status) t
WHERE c.severity = t.severity AND c.status = t.status AND c.partition = 0`;

let serial = 0;

/** Inserts all in one transaction, each as a ticket of its own alarm. Returns their ids in the order given. */
export async function insertTickets(pool: pg.Pool, tickets: readonly NewTicket[]): Promise<number[]> {
  const rows = tickets.map((ticket, n) => {
    serial += 1;
    return {
      rule: ticket.rule ?? "device-offline",
      device: ticket.device ?? `dev-${serial}`,
      seq: serial,
      status: ticket.status ?? "open",
      severity: ticket.severity ?? "critical",
      reason: ticket.reason ?? "Device offline",
      event: ticket.eventJson ?? '{"device_id":"dev-1","status":"offline"}',
      created: ticket.createdAt ?? null,
      n,
    };
  });
  return transaction(pool, async (client) => {
    await client.query("INSERT INTO rule_set (id, hash, source) VALUES (0, 'test', '{}') ON CONFLICT DO NOTHING");
    const inserted = await client.query<{ id: number }>(INSERT, [JSON.stringify(rows), JSON.stringify(EVIDENCE)]);
    const ids = inserted.rows.map((row) => row.id);
    await client.query(COUNT, [ids]);
    return ids;
  });
}

/** Resolves tickets, counts included. */
export async function resolveTickets(pool: pg.Pool, ids: readonly number[]): Promise<void> {
  await transaction(pool, async (client) => {
    await client.query(UNCOUNT, [ids]);
    await client.query(
      "UPDATE ticket SET status = 'resolved', resolved_at = now(), alarm_on = false, updated_at = now() WHERE id = ANY($1)",
      [ids],
    );
    await client.query(COUNT, [ids]);
  });
}

async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}
