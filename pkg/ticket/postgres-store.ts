// The PostgreSQL adapter of the store port: claims partitions and commits batches behind the fence.
import type pg from "pg";
import { AlertCastError } from "../errors.ts";
import { type QueryObserver, unobserved } from "../telemetry/queries.ts";
import { writeCommit } from "./postgres-commit.ts";
import { translatePostgresError } from "./postgres-pool.ts";
import { type Ask, asker } from "./postgres-query.ts";
import type {
  Activation,
  Claim,
  ClaimRequest,
  Commit,
  CommitResult,
  LastRecord,
  PartitionKey,
  StoredRuleSet,
  StoredSnapshot,
  TicketStore,
} from "./store.ts";

const INSERT_PARTITION = `
INSERT INTO partition_state (consumer_group, topic, partition, cluster_id, partition_count, epoch, next_offset, clock_ms, owner)
VALUES ($1, $2, $3, $4, $5, 0, $6, 0, $7)
ON CONFLICT DO NOTHING`;

const LOCK_PARTITION = `
SELECT cluster_id, partition_count FROM partition_state
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 FOR UPDATE`;

const TAKE_PARTITION = `
UPDATE partition_state SET epoch = epoch + 1, owner = $4, updated_at = now()
WHERE consumer_group = $1 AND topic = $2 AND partition = $3
RETURNING epoch, next_offset, rule_set_id, last_offset, last_append_time_ms, last_hash`;

const READ_SNAPSHOTS = `
SELECT next_offset, format, rule_set_id, memory FROM snapshot
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND next_offset <= $4
ORDER BY next_offset DESC`;

const READ_ACTIVATIONS = `
SELECT first_offset, rule_set_id FROM rule_activation
WHERE consumer_group = $1 AND topic = $2 AND partition = $3
ORDER BY first_offset, created_at`;

const READ_RULE_SETS = "SELECT id, source FROM rule_set WHERE id = ANY($1)";

/** Numbers are given one after the other, from 0; the lock keeps two processes from giving the same. */
const INSERT_RULE_SET = `
INSERT INTO rule_set (id, hash, source)
SELECT coalesce(max(id) + 1, 0), $1, $2 FROM rule_set
ON CONFLICT (hash) DO NOTHING`;

const SET_HALTED = `
UPDATE partition_state SET halted = $5, updated_at = now()
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND epoch = $4`;

const POSITION = `
SELECT epoch, next_offset FROM partition_state
WHERE consumer_group = $1 AND topic = $2 AND partition = $3`;

export interface PostgresStoreOptions {
  readonly pool: pg.Pool;
  /** Called at named points of a commit; tests stop or kill the process there. */
  readonly failpoint?: (name: "after-begin" | "before-commit" | "after-commit") => Promise<void>;
  /** False takes the fence out. Only tests and benchmarks do, to see what it is worth. */
  readonly fenced?: boolean;
  /** Told of every statement. */
  readonly observe?: QueryObserver;
}

interface PartitionRow {
  epoch: number;
  next_offset: number;
  rule_set_id: number | null;
  last_offset: number | null;
  last_append_time_ms: number | null;
  last_hash: Buffer | null;
}

function lastOf(row: PartitionRow): LastRecord | undefined {
  if (row.last_offset === null || row.last_append_time_ms === null || row.last_hash === null) return undefined;
  return { offset: row.last_offset, appendTimeMs: row.last_append_time_ms, hash: row.last_hash };
}

/** Runs `work` in a transaction of its own; errors are rolled back, translated and thrown. */
async function inTransaction<T>(
  { pool, observe = unobserved }: PostgresStoreOptions,
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw translatePostgresError(error);
  }
  try {
    const ask = asker(client, observe);
    await ask("begin", "BEGIN");
    const result = await work(ask);
    await ask("commit", "COMMIT");
    client.release();
    return result;
  } catch (error) {
    // The connection is given up: it ends the transaction whatever state it is in.
    client.release(true);
    throw translatePostgresError(error);
  }
}

async function query<R extends pg.QueryResultRow>(
  { pool, observe = unobserved }: PostgresStoreOptions,
  name: string,
  text: string,
  values: readonly unknown[],
): Promise<R[]> {
  try {
    return (await asker(pool, observe)<R>(name, text, values)).rows;
  } catch (error) {
    throw translatePostgresError(error);
  }
}

/** The store over this pool. The schema must be there (postgres-migrate.ts). */
export function postgresStore(options: PostgresStoreOptions): TicketStore {
  return {
    registerRuleSet: (hash, source) => registerRuleSet(options, hash, source),
    claim: (request) => claim(options, request),
    commit: (commit) => commitBehindFence(options, commit),
    setHalted: async (key, epoch, reason) => {
      await query(options, "set-halted", SET_HALTED, [key.group, key.topic, key.partition, epoch, reason]);
    },
  };
}

async function registerRuleSet(options: PostgresStoreOptions, hash: string, source: unknown): Promise<number> {
  return inTransaction(options, async (ask) => {
    await ask("lock-rule-sets", "LOCK TABLE rule_set IN SHARE ROW EXCLUSIVE MODE");
    await ask("insert-rule-set", INSERT_RULE_SET, [hash, JSON.stringify(source)]);
    const found = await ask<{ id: number }>("find-rule-set", "SELECT id FROM rule_set WHERE hash = $1", [hash]);
    const id = found.rows[0]?.id;
    if (id === undefined) throw new AlertCastError("internal", "the rule set was not stored");
    return id;
  });
}

async function claim(options: PostgresStoreOptions, request: ClaimRequest): Promise<Claim> {
  const key = [request.group, request.topic, request.partition];
  const row = await inTransaction(options, async (ask) => {
    await ask("insert-partition", INSERT_PARTITION, [
      ...key,
      request.clusterId,
      request.partitionCount,
      request.startOffset,
      request.owner,
    ]);
    const locked = await ask<{ cluster_id: string; partition_count: number }>("lock-partition", LOCK_PARTITION, key);
    refuseForeignLog(request, locked.rows[0]);
    return (await ask<PartitionRow>("take-partition", TAKE_PARTITION, [...key, request.owner])).rows[0];
  });
  if (row === undefined) throw new AlertCastError("internal", "the claimed partition row is gone");
  const snapshots = await query<{ next_offset: number; format: number; rule_set_id: number; memory: Buffer }>(
    options,
    "read-snapshots",
    READ_SNAPSHOTS,
    [...key, row.next_offset],
  );
  const activations = await query<{ first_offset: number; rule_set_id: number }>(
    options,
    "read-activations",
    READ_ACTIVATIONS,
    key,
  );
  const ids = [...new Set([...snapshots.map((s) => s.rule_set_id), ...activations.map((a) => a.rule_set_id)])];
  const ruleSets = await query<StoredRuleSet>(options, "read-rule-sets", READ_RULE_SETS, [ids]);
  return {
    epoch: row.epoch,
    nextOffset: row.next_offset,
    last: lastOf(row),
    ruleSetId: row.rule_set_id ?? undefined,
    snapshots: snapshots.map(
      (s): StoredSnapshot => ({
        nextOffset: s.next_offset,
        format: s.format,
        ruleSetId: s.rule_set_id,
        memory: s.memory,
      }),
    ),
    activations: activations.map((a): Activation => ({ firstOffset: a.first_offset, ruleSetId: a.rule_set_id })),
    ruleSets,
  };
}

function refuseForeignLog(
  request: ClaimRequest,
  row: { cluster_id: string; partition_count: number } | undefined,
): void {
  if (row === undefined) return;
  if (row.cluster_id !== request.clusterId) {
    throw new AlertCastError(
      "halted",
      `partition ${request.partition} of ${request.topic} was applied from cluster ${row.cluster_id}, but this log is cluster ${request.clusterId}`,
    );
  }
  if (row.partition_count !== request.partitionCount) {
    throw new AlertCastError(
      "halted",
      `topic ${request.topic} had ${row.partition_count} partitions and has ${request.partitionCount} now: devices have other homes`,
    );
  }
}

async function commitBehindFence(options: PostgresStoreOptions, commit: Commit): Promise<CommitResult> {
  const { pool } = options;
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw translatePostgresError(error);
  }
  try {
    const settled = await writeCommit(client, commit, options);
    client.release();
    if (settled !== undefined) return { outcome: "committed", settled };
  } catch (error) {
    client.release(true);
    throw translatePostgresError(error);
  }
  return fenceMissed(options, commit);
}

/** No row matched the fence: either an earlier try of this very commit went through, or the partition has a new owner. */
async function fenceMissed(options: PostgresStoreOptions, commit: PartitionKey & Commit): Promise<CommitResult> {
  const rows = await query<{ epoch: number; next_offset: number }>(options, "read-position", POSITION, [
    commit.group,
    commit.topic,
    commit.partition,
  ]);
  const row = rows[0];
  const already = row !== undefined && row.epoch === commit.epoch && row.next_offset === commit.nextOffset;
  return { outcome: already && commit.nextOffset > commit.expectedOffset ? "already" : "fenced" };
}
