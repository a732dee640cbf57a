// B1: lines that are not quite lines. Of two objects on one line neither is taken, and the answer says so.
import { expect, it } from "vitest";
import { startCluster } from "../cluster.ts";
import { rawTopic } from "../raw.ts";
import { BAD, E, expectOracle, ingest, readyIngestor, stop, ticketLines } from "./support.ts";

const BYTE_ORDER_MARK = "\uFEFF";

it("B1 a BOM, blank lines and an unended last line do no harm, two objects on a line are one error, by INGEST and RAW", async () => {
  await using cluster = await startCluster();
  await using raw = await rawTopic(cluster.brokers, cluster.topic);
  await cluster.processor("processor");
  const ingestor = await readyIngestor(cluster);

  const [e1, e2, e3, e4] = [E("d1", BAD), E("d2", BAD), E("d3", BAD), E("d4", BAD)];
  const body = `${BYTE_ORDER_MARK}${e1}\r\n\r\n${e2}${e3}\n${e4}`;
  const whole = await ingest(ingestor, body);
  expect(whole).toMatchObject({ status: 202, accepted: 2, rejected: 1 });
  expect(whole.errors).toEqual([expect.objectContaining({ index: 1, code: "invalid-json" })]);

  const cut = await ingest(ingestor, body.slice(0, -Math.ceil(e4.length / 2)));
  expect(cut).toMatchObject({ status: 202, accepted: 1, rejected: 2 });
  expect(cut.errors.map(({ index }) => index)).toEqual([1, 2]);

  const json = await ingest(ingestor, e1 + e2, "application/json");
  expect(json).toMatchObject({ status: 400, accepted: 0, rejected: 1 });
  await stop(ingestor);

  const bom = `${BYTE_ORDER_MARK}${E("d5", BAD)}`;
  await raw.send([{ key: "d5", value: bom }]);
  const { dump, database } = await expectOracle(cluster, raw);
  const values = dump.flatMap(({ value }) => (value === null ? [] : [String(value)]));
  expect(values.sort()).toEqual([e1, e1, e4, bom].sort());
  // E1 came twice with the same event_id: its ticket has one occurrence.
  const expected = ["d1", "d4", "d5"].map((device) => `temperature/${device} high open x1`);
  expect(ticketLines(database)).toEqual(expected);
  expect(database.deadLetters).toEqual([]);
});
