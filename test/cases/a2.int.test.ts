// A2: null, and a field left out, are no reading: they open nothing and resolve nothing.
// Left out: the rule of a rate of change, which has to see one step from 91 to 20 (rate rules do not run yet).
import { expect, it } from "vitest";
import { type Cluster, startCluster } from "../cluster.ts";
import { readDatabase } from "../oracle/compare.ts";
import { type RawTopic, rawTopic } from "../raw.ts";
import { BAD, caughtUp, E, expectOracle, GOOD, ingest, readyIngestor, stop, ticketLines } from "./support.ts";

/** What the device sends before its good reading. */
const unread = () => [
  E("d", BAD),
  E("d", { temperature: null }),
  E("d", { temperature: undefined }),
  E("d", { temperature: null, status: "degraded" }),
];
const OPEN = ["device-degraded/d medium open x1", "temperature/d high open x1"];
const RESOLVED = ["device-degraded/d medium resolved x1", "temperature/d high resolved x1"];

async function expectOpen(cluster: Cluster, raw: RawTopic): Promise<void> {
  await caughtUp(cluster, raw);
  expect(ticketLines(await readDatabase(cluster.pool))).toEqual(OPEN);
}

it("A2 null is not zero, by INGEST (without the rate-of-change rule)", async () => {
  await using cluster = await startCluster();
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor");
  const ingestor = await readyIngestor(cluster);
  const lines = unread();
  expect(await ingest(ingestor, lines.join("\n"))).toMatchObject({ status: 202, accepted: 4, rejected: 0 });
  await expectOpen(cluster, raw);
  expect(await ingest(ingestor, E("d", GOOD))).toMatchObject({ status: 202, accepted: 1 });
  await stop(ingestor);
  const { database } = await expectOracle(cluster, raw);
  expect(ticketLines(database)).toEqual(RESOLVED);
  expect(database.deadLetters).toEqual([]);
});

it("A2 null is not zero, by RAW (without the rate-of-change rule)", async () => {
  await using cluster = await startCluster();
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor");
  await raw.send(unread().map((value) => ({ value, partition: 4 })));
  await expectOpen(cluster, raw);
  await raw.send([{ value: E("d", GOOD), partition: 4 }]);
  const { database } = await expectOracle(cluster, raw);
  expect(ticketLines(database)).toEqual(RESOLVED);
  expect(database.deadLetters).toEqual([]);
});
