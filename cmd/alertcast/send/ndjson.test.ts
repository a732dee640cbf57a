import { expect, test } from "vitest";
import { readNdjson } from "./ndjson.ts";
import { MAX_LINE_BYTES } from "./rows.ts";

interface Options {
  readonly fromLine?: number;
  readonly eventIdPrefix?: string;
  /** Bytes of a chunk. */
  readonly cut?: number;
}

async function read(text: string | Buffer, { fromLine = 1, eventIdPrefix, cut = 7 }: Options = {}) {
  const bytes = Buffer.from(text);
  async function* chunks() {
    for (let i = 0; i < bytes.length; i += cut) yield bytes.subarray(i, i + cut);
  }
  const rejected: [number, string][] = [];
  const rows: [number, string][] = [];
  const reject = (line: number, _field: string, message: string) => rejected.push([line, message]);
  for await (const some of readNdjson(chunks(), { fromLine, eventIdPrefix, reject }))
    for (const { line, event } of some) rows.push([line, event.toString()]);
  return { rows, rejected };
}

test.each([1, 2, 3, 1000])("events keep their bytes and lines however the input is cut (%i)", async (cut) => {
  const text = '\uFEFF{"device_id":"a","n":1.50}\r\n\n  {"device_id":"ü"}\t\nno json\n{"device_id":"last"}';
  const { rows } = await read(text, { cut });
  expect(rows).toEqual([
    [1, '{"device_id":"a","n":1.50}'],
    [3, '{"device_id":"ü"}'],
    [4, "no json"],
    [5, '{"device_id":"last"}'],
  ]);
});

test("an empty input has no event", async () => {
  expect((await read("")).rows).toEqual([]);
  expect((await read("\n\n")).rows).toEqual([]);
});

test("reading goes on from a line, and later lines keep their numbers and ids", async () => {
  const { rows } = await read('{"a":1}\n{"a":2}\n{"a":3}\n', { fromLine: 3, eventIdPrefix: "x" });
  expect(rows).toEqual([[3, '{"a":3,"event_id":"x-3"}']]);
});

test("an event_id is added only to objects without one, and no other byte changes", async () => {
  const lines = [
    '{ "n": 12345678901234567890, "f": 1.0 }',
    "{}",
    '{"event_id":"own"}',
    '{"event_id":null}',
    "[1]",
    '{"open":',
  ];
  const { rows } = await read(lines.join("\n"), { eventIdPrefix: 'p"q' });
  expect(rows.map(([, text]) => text)).toEqual([
    '{ "n": 12345678901234567890, "f": 1.0 ,"event_id":"p\\"q-1"}',
    '{"event_id":"p\\"q-2"}',
    '{"event_id":"own"}',
    '{"event_id":null,"event_id":"p\\"q-4"}',
    "[1]",
    '{"open":',
  ]);
});

test("a line that is too long is rejected by its number and the others go on", async () => {
  const long = `{"message":"${"x".repeat(MAX_LINE_BYTES)}"}`;
  const { rows, rejected } = await read(`{"a":1}\n${long}\n{"a":3}`, { cut: 65_536 });
  expect(rows).toEqual([
    [1, '{"a":1}'],
    [3, '{"a":3}'],
  ]);
  expect(rejected).toEqual([[2, `a line may have ${MAX_LINE_BYTES} bytes`]]);
});
