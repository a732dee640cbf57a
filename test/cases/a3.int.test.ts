// A3: a time is taken only where it names one instant, and the server's time zone has no say in which.
import { expect, it } from "vitest";
import { startCluster } from "../cluster.ts";
import { rawTopic } from "../raw.ts";
import { deadLetters, expectOracle, ingest, readyIngestor, stop } from "./support.ts";

const REFUSED = [1648731311, 1648731311000, "1648731311", "2026-03-08T02:30:00"];
const ACCEPTED = ["2026-03-01T10:00:00.123456789Z", "2026-03-01T12:00:00+02:00"];
const INSTANTS = ["2026-03-01T10:00:00.123Z", "2026-03-01T10:00:00.000Z"];

/** One bad event for each form of a time; the same text in each run. */
function events(door: string): string[] {
  return [...REFUSED, ...ACCEPTED].map((ts, i) =>
    JSON.stringify({ device_id: `${door}-${i}`, status: "online", temperature: 91, ts, event_id: `${door}-${i}` }),
  );
}

/** What comes out of both doors, without what differs from run to run (offsets and the log's time). */
async function outcome(TZ: string) {
  await using cluster = await startCluster();
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor", { TZ });
  const ingestor = await readyIngestor(cluster, { TZ });
  const answer = await ingest(ingestor, events("ingest").join("\n"));
  await stop(ingestor);
  await raw.send(events("raw").map((value) => ({ value, partition: 2 })));
  await expectOracle(cluster, raw);
  const { rows } = await cluster.pool.query<{ device_id: string; event_json: string; event_time: string }>(
    "SELECT device_id, event_json, evidence::json->>'event_time' AS event_time FROM ticket ORDER BY device_id",
  );
  return { answer, tickets: rows, letters: await deadLetters(cluster) };
}

it("A3 a time without a zone or in bare numbers is refused, and TZ changes nothing, by INGEST and by RAW", async () => {
  const { answer, tickets, letters } = await outcome("UTC");
  expect(answer).toMatchObject({ status: 202, accepted: 2, rejected: 4 });
  expect(answer.errors).toEqual(
    REFUSED.map((_, index) =>
      expect.objectContaining({ index, field: "ts", message: expect.stringContaining("RFC 3339") }),
    ),
  );
  expect(tickets).toEqual(
    ["ingest", "raw"].flatMap((door) =>
      [4, 5].map((i) => ({
        device_id: `${door}-${i}`,
        event_json: events(door)[i],
        event_time: INSTANTS[i - 4],
      })),
    ),
  );
  expect(letters).toEqual(
    events("raw")
      .slice(0, 4)
      .map((text) =>
        expect.objectContaining({
          field: "ts",
          message: expect.stringContaining("RFC 3339"),
          value: Buffer.from(text),
        }),
      ),
  );
  expect(await outcome("America/New_York")).toEqual({ answer, tickets, letters });
});
