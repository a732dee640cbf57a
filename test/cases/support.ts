// What the cases share: their words (E, bad, good), the doors INGEST and RAW, and the comparison with the oracle.
import { expect } from "vitest";
import { type Cluster, isCaughtUp, type Running } from "../cluster.ts";
import { waitFor } from "../harness/wait.ts";
import { type DatabaseState, differences, readDatabase } from "../oracle/compare.ts";
import { dumpKafkaTopic } from "../oracle/dump.ts";
import { type DumpedRecord, foldLog, type OracleResult } from "../oracle/fold.ts";
import type { RawTopic } from "../raw.ts";

export const BAD = { temperature: 91, status: "online" };
export const GOOD = { temperature: 20, status: "online" };

const startMs = Date.now();
let written = 0;

/** E(d, x): the text of a valid event of device d with the fields x changed; its ts is above that of all written before. */
export function E(device: string, fields: object): string {
  const n = ++written;
  const ts = new Date(startMs + n).toISOString();
  return JSON.stringify({ device_id: device, status: "online", region: "eu", ts, event_id: `e${n}`, ...fields });
}

/** Starts an ingestor and waits until it takes events. */
export async function readyIngestor(cluster: Cluster, env: Readonly<Record<string, string>> = {}): Promise<Running> {
  const ingestor = await cluster.ingestor(env);
  await isReady(ingestor, "the ingestor to be ready");
  return ingestor;
}

/** Waits until a program says that it is ready. */
export async function isReady(program: Running, what: string): Promise<void> {
  await waitFor(async () => (await fetch(`${program.url}/readyz`)).ok, { what });
}

export interface IngestAnswer {
  readonly status: number;
  /** The body as sent. */
  readonly text: string;
  readonly accepted: number;
  readonly rejected: number;
  readonly errors: readonly { index: number; code: string; field: string; message: string }[];
}

/** INGEST: one request. */
export async function ingest(
  ingestor: Running,
  body: string | Uint8Array<ArrayBuffer>,
  type = "application/x-ndjson",
): Promise<IngestAnswer> {
  const request = { method: "POST", headers: { "content-type": type }, body };
  const response = await fetch(`${ingestor.url}/api/v1/events`, request);
  const text = await response.text();
  return { ...JSON.parse(text), status: response.status, text };
}

/** Ends a program in the ordinary way. */
export async function stop(program: Running): Promise<void> {
  program.service.kill("SIGTERM");
  expect(await program.service.exited).toEqual({ code: 0, signal: null });
}

export async function caughtUp(cluster: Cluster, raw: RawTopic, deadlineMs = 90_000): Promise<void> {
  const isDone = async () => isCaughtUp(cluster, raw);
  await waitFor(isDone, { what: "all to be applied", deadlineMs });
}

export interface Compared {
  readonly dump: readonly DumpedRecord[];
  readonly oracle: OracleResult;
  readonly database: DatabaseState;
}

/** The end of each case: once all is applied, the database holds what the oracle makes of the log. No ingestor may run: it ticks. */
export async function expectOracle(cluster: Cluster, raw: RawTopic): Promise<Compared> {
  await caughtUp(cluster, raw);
  const dump = await dumpKafkaTopic({ brokers: cluster.brokers, topic: cluster.topic });
  const oracle = foldLog(dump, { partitions: cluster.partitions });
  const database = await readDatabase(cluster.pool);
  expect(differences(oracle, database)).toEqual([]);
  return { dump, oracle, database };
}

/** Tickets as `rule/device severity status xoccurrences`, sorted. */
export function ticketLines(database: Pick<DatabaseState, "tickets">): string[] {
  return database.tickets
    .map((ticket) => `${ticket.rule}/${ticket.device} ${ticket.severity} ${ticket.status} x${ticket.occurrences}`)
    .sort();
}

export interface DeadLetterRow {
  readonly code: string;
  readonly field: string;
  readonly message: string;
  readonly value: Buffer | null;
}

/** DL: in the order of the log. */
export async function deadLetters(cluster: Cluster): Promise<DeadLetterRow[]> {
  const { rows } = await cluster.pool.query<DeadLetterRow>(
    "SELECT code, field, message, value FROM dead_letter ORDER BY partition, record_offset",
  );
  return rows;
}
