// readDatabase against the real schema in an embedded PostgreSQL: what is written there by hand is read back.
import { readFileSync } from "node:fs";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { differences, readDatabase } from "./compare.ts";
import { foldLog } from "./fold.ts";
import { LogWriter } from "./logs.ts";
import type { OracleResult } from "./types.ts";

const SCHEMA = new URL("../../pkg/ticket/migrations/0001_core.sql", import.meta.url);
const TABLES = "ticket_event, ticket, ticket_count, dead_letter, partition_state, rule_set";
const PATIENCE_MS = 120_000;

let database: PGlite;
let server: PGLiteSocketServer;
let client: pg.Client;

beforeAll(async () => {
  database = await PGlite.create();
  await database.exec(readFileSync(SCHEMA, "utf8"));
  server = new PGLiteSocketServer({ db: database, port: 0, host: "127.0.0.1" });
  await server.start();
  const port = Number(server.getServerConn().split(":").at(-1));
  client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", database: "postgres" });
  await client.connect();
}, PATIENCE_MS);

afterAll(async () => {
  await client.end();
  await server.stop();
  await database.close();
}, PATIENCE_MS);

beforeEach(async () => {
  await client.query(`TRUNCATE ${TABLES} CASCADE`);
  await client.query("INSERT INTO rule_set (id, hash, source) VALUES (1, 'h', '{}')");
});

const log = new LogWriter();
for (let i = 0; i < 60; i++) {
  log.add({ device_id: `dev-${i % 7}`, status: i % 5 < 2 ? "offline" : "online", temperature: 60 + ((i * 13) % 35) });
}
log.add("{").add(null).add("");
const oracle = foldLog(log.records, { partitions: 1 });

async function write(result: OracleResult): Promise<void> {
  const time = (ms: number | null) => (ms === null ? null : new Date(ms));
  const ids = new Map<string, number>();
  for (const t of result.tickets) {
    const [partition, offset] = t.evidenceEntry.split("/").map(Number);
    const evidence = JSON.stringify({ level: t.severity, entry: { topic: "t", partition, offset } });
    const values = [t.rule, t.device, t.seq, t.status, t.severity, t.peakSeverity, t.reason, time(t.openedAtMs)];
    values.push(
      time(t.resolvedAtMs),
      time(t.firstSeenMs),
      time(t.lastSeenMs),
      t.occurrences,
      t.reopens,
      t.eventJson,
      evidence,
    );
    const inserted = await client.query<{ id: string }>(
      `INSERT INTO ticket (partition, dedup_key, labels, alarm_on, run_notified, opened_under, rule_version, rule_id, device_id,
         seq, status, severity, peak_severity, reason, opened_at, resolved_at, first_seen, last_seen, occurrences, reopens,
         event_json, evidence)
       VALUES (0, '', '{}', true, true, 1, 'v', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id`,
      values,
    );
    ids.set(`${t.rule}/${t.device}#${t.seq}`, Number(inserted.rows[0]?.id));
  }
  for (const row of result.history) {
    await client.query(
      `INSERT INTO ticket_event (ticket_id, at, type, cause, why, from_severity, to_severity, notify, rule_version)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'v')`,
      [
        ids.get(`${row.rule}/${row.device}#${row.seq}`),
        time(row.atMs),
        row.type,
        row.cause,
        row.why,
        row.from,
        row.to,
        row.notify,
      ],
    );
  }
  for (const { partition, offset, value } of result.deadLetters) {
    await client.query(
      `INSERT INTO dead_letter (topic, partition, record_offset, append_time, value, headers, code, field, message)
       VALUES ('t', $1, $2, now(), $3, '{}', 'c', '', '')`,
      [partition, offset, value],
    );
  }
  for (const [group, n] of result.ticketCounts) {
    // Two partitions that add up, one of them below 0.
    for (const [partition, part] of [
      [0, n + 3],
      [1, -3],
    ]) {
      await client.query("INSERT INTO ticket_count VALUES ($1, $2, $3, $4, 1)", [partition, ...group.split("/"), part]);
    }
  }
  for (const [partition, next] of result.nextOffsets) await claim("g", "t", partition, next);
}

async function claim(group: string, topic: string, partition: number, next: number): Promise<void> {
  await client.query(
    `INSERT INTO partition_state (consumer_group, topic, partition, cluster_id, partition_count, epoch, next_offset, clock_ms, owner)
     VALUES ($1, $2, $3, 'c', 1, 1, $4, 0, 'o')`,
    [group, topic, partition, next],
  );
}

test("a database that holds exactly the fold has no difference", async () => {
  await write(oracle);
  expect(oracle.tickets.length).toBeGreaterThan(10);
  expect(differences(oracle, await readDatabase(client))).toEqual([]);
});

test("every kind of change in the tables is seen", async () => {
  await write(oracle);
  const changes = [
    "UPDATE ticket SET last_seen = last_seen + interval '1 microsecond' WHERE id = (SELECT min(id) FROM ticket)",
    "UPDATE ticket_event SET notify = NOT notify WHERE id = (SELECT min(id) FROM ticket_event)",
    "UPDATE ticket_count SET n = n + 1 WHERE partition = 1 AND severity = 'critical' AND status = 'open'",
    "UPDATE dead_letter SET value = '' WHERE value IS NULL",
    "UPDATE partition_state SET next_offset = next_offset - 1",
  ];
  for (const change of changes) expect((await client.query(change)).rowCount).toBe(1);
  const kinds = differences(oracle, await readDatabase(client)).map((line) => line.replace(/ .*/, ""));
  expect(kinds).toEqual(["ticket", "history", "maintained", "maintained", "dead", "next"]);
});

test("a ticket with a dedup key is not taken for the device's", async () => {
  await write(oracle);
  await client.query(`UPDATE ticket SET dedup_key = '["p"]' WHERE id = (SELECT min(id) FROM ticket)`);
  const lines = differences(oracle, await readDatabase(client));
  expect(lines.some((line) => line.includes('(dedup key ["p"])') && line.includes("should not be there"))).toBe(true);
});

test("several groups are refused unless one is named", async () => {
  await write(oracle);
  await claim("other", "t", 0, 5);
  await expect(readDatabase(client)).rejects.toThrow("several groups or topics");
  expect(differences(oracle, await readDatabase(client, { group: "g", topic: "t" }))).toEqual([]);
});
