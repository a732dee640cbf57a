// A1: a reading with its unit, or no number at all, is refused and never read as one. A broken probe must not look cool.
import { expect, it } from "vitest";
import { startCluster } from "../cluster.ts";
import { rawTopic } from "../raw.ts";
import { BAD, caughtUp, deadLetters, E, expectOracle, ingest, readyIngestor, stop, ticketLines } from "./support.ts";

const NO_NUMBERS = ["30.11 °C", "nan", "91.5", true, [91], { value: 91 }];

it("A1 a number with its unit is refused for that event alone, by INGEST and by RAW", async () => {
  await using cluster = await startCluster();
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor");
  const ingestor = await readyIngestor(cluster);
  expect(await ingest(ingestor, E("d", BAD))).toMatchObject({ status: 202, accepted: 1 });

  const lines = NO_NUMBERS.map((temperature) => E("d", { ...BAD, temperature }));
  const answer = await ingest(ingestor, [...lines, E("d2", BAD)].join("\n"));
  expect(answer).toMatchObject({ status: 202, accepted: 1, rejected: 6 });
  expect(answer.errors).toEqual(
    [0, 1, 2, 3, 4, 5].map((index) => ({
      index,
      code: "wrong-type",
      field: "temperature",
      message: expect.stringContaining("temperature"),
    })),
  );
  await stop(ingestor);
  await caughtUp(cluster, raw);
  expect(await deadLetters(cluster)).toEqual([]);

  const records = NO_NUMBERS.map((temperature) => E("d", { ...BAD, temperature }));
  await raw.send([...records, E("d", { temperature: 90.5 })].map((value) => ({ key: "d", value })));
  const { database } = await expectOracle(cluster, raw);
  expect(ticketLines(database)).toEqual(["temperature/d high open x2", "temperature/d2 high open x1"]);
  expect(await deadLetters(cluster)).toEqual(
    records.map((value) => expect.objectContaining({ field: "temperature", value: Buffer.from(value) })),
  );
});
