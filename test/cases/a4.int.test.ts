// A4: an id is its code points: no number, nothing trimmed, folded or normalised; what PostgreSQL cannot hold never gets in.
// Left out: STREAM, HOOK and the CLI, which do not exist yet.
import { expect, it } from "vitest";
import { type Cluster, startCluster } from "../cluster.ts";
import { rawTopic } from "../raw.ts";
import { BAD, deadLetters, E, expectOracle, ingest, isReady, readyIngestor, stop } from "./support.ts";

const COMPOSED = "caf\u00e9";
const DECOMPOSED = "cafe\u0301";
const IDS = ["000012300007", "12300007", "dev-a", "Dev-a", "dev-a ", COMPOSED, DECOMPOSED, "id-😀"];

/** Ids that are none, with the field at fault. A JSON number of that size cannot be written by JSON.stringify. */
const REFUSED: readonly (readonly [string, string])[] = [
  [E("?", BAD).replace('"?"', "9007199254740993"), "device_id"],
  [E("?", BAD).replace('"?"', "9007199254740992"), "device_id"],
  [E("a\u0000b", BAD), "device_id"],
  [E("\ud800", BAD), "device_id"],
  [E("", BAD), "device_id"],
  [E("x".repeat(300), BAD), "device_id"],
  [E("dev-nul", { ...BAD, message: "a\u0000b" }), "message"],
];

interface Page<T> {
  readonly items: readonly T[];
}

async function get<T>(url: string): Promise<T> {
  const response = await fetch(url);
  expect(response.status, url).toBe(200);
  return JSON.parse(await response.text());
}

/** The lists still answer, and say each id as it was sent. */
async function expectLists(cluster: Cluster, letters: readonly Buffer[]): Promise<void> {
  const sorted = (ids: readonly string[]) => [...ids].sort();
  const { rows } = await cluster.pool.query<{ device_id: string }>("SELECT device_id FROM ticket");
  expect(sorted(rows.map((row) => row.device_id))).toEqual(sorted(IDS));

  const api = await cluster.api();
  await isReady(api, "the API to be ready");
  const recent = await get<{ device_id: string; event_json: string }[]>(`${api.url}/tickets/recent?limit=50`);
  expect(sorted(recent.map((ticket) => ticket.device_id))).toEqual(sorted(IDS));
  for (const { device_id, event_json } of recent) expect(JSON.parse(event_json)).toMatchObject({ device_id });
  const tickets = await get<Page<{ device_id: string }>>(`${api.url}/api/v1/tickets?limit=50`);
  expect(sorted(tickets.items.map((ticket) => ticket.device_id))).toEqual(sorted(IDS));
  const shown = await get<Page<{ value_base64: string }>>(`${api.url}/api/v1/dead-letters?limit=50`);
  const bytes = shown.items.map((letter) => letter.value_base64);
  expect(sorted(bytes)).toEqual(sorted(letters.map((value) => value.toString("base64"))));
}

it("A4 eight ids that look alike are eight devices and numbers are none, by INGEST", async () => {
  await using cluster = await startCluster();
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor");
  const ingestor = await readyIngestor(cluster);
  const lines = [...IDS.map((id) => E(id, BAD)), ...REFUSED.map(([text]) => text)];
  const answer = await ingest(ingestor, lines.join("\n"));
  expect(answer).toMatchObject({ status: 202, accepted: 8, rejected: 7 });
  expect(answer.errors.map(({ index, field }) => [index, field])).toEqual(
    REFUSED.map(([, field], i) => [IDS.length + i, field]),
  );
  await stop(ingestor);
  await expectOracle(cluster, raw);
  await expectLists(cluster, []);
});

it("A4 eight ids that look alike are eight devices and numbers are quarantined with their bytes, by RAW", async () => {
  await using cluster = await startCluster();
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor");
  // Half of a surrogate pair as UTF-8 would have it, if it could: what some encoders write.
  const broken = Buffer.from(E("SURROGATE", BAD).replace("SURROGATE", "\u00ed\u00a0\u0080"), "latin1");
  const refused = [...REFUSED.map(([text]) => Buffer.from(text)), broken];
  const values = [...IDS.map((id) => Buffer.from(E(id, BAD))), ...refused];
  await raw.send(values.map((value) => ({ value, partition: 1 })));
  await expectOracle(cluster, raw);
  const letters = await deadLetters(cluster);
  expect(letters.map(({ value }) => value)).toEqual(refused);
  expect(letters.map(({ field }) => field)).toEqual([...REFUSED.map(([, field]) => field), ""]);
  await expectLists(cluster, refused);
});
