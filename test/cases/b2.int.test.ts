// B2: the broker's limit of a request is no limit of ours: what is sent is cut to fit, what can never fit is refused before.
import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { startCluster } from "../cluster.ts";
import { rawTopic } from "../raw.ts";
import { BAD, E, expectOracle, ingest, readyIngestor, stop, ticketLines } from "./support.ts";

/** Text that does not compress. */
function noise(bytes: number): string {
  return randomBytes((bytes * 3) / 4).toString("base64");
}

it("B2a 40 events of 100 KiB of one device in one request are in the log once and in order", async () => {
  await using cluster = await startCluster();
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor");
  const ingestor = await readyIngestor(cluster);
  const events = Array.from({ length: 40 }, () => E("d", { ...BAD, message: noise(100 * 1024) }));
  expect(await ingest(ingestor, `[${events.join(",")}]`, "application/json")).toMatchObject({
    status: 202,
    accepted: 40,
    rejected: 0,
  });
  await stop(ingestor);
  const { dump, database } = await expectOracle(cluster, raw);
  const written = dump.flatMap(({ value }) => (value === null ? [] : [String(value)]));
  expect(written.map((text) => events.indexOf(text))).toEqual(events.map((_, i) => i));
  expect(ticketLines(database)).toEqual(["temperature/d high open x40"]);
});

it("B2b one event of 2 MiB is refused and the 49 beside it are taken", async () => {
  await using cluster = await startCluster();
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor");
  const ingestor = await readyIngestor(cluster);
  const events = Array.from({ length: 50 }, (_, i) =>
    E(`d${i}`, i === 20 ? { ...BAD, message: noise(2 * 1024 * 1024) } : BAD),
  );
  const answer = await ingest(ingestor, events.join("\n"));
  expect(answer).toMatchObject({ status: 202, accepted: 49, rejected: 1 });
  expect(answer.errors).toEqual([expect.objectContaining({ index: 20, code: "too-large" })]);
  await stop(ingestor);
  const { dump, database } = await expectOracle(cluster, raw);
  expect(dump.filter(({ value }) => value !== null)).toHaveLength(49);
  expect(database.tickets).toHaveLength(49);
});
