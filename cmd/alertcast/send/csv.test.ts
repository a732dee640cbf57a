import { expect, test } from "vitest";
import { CommandFailure } from "../exit.ts";
import { readCsv } from "./csv.ts";
import type { FieldMapping } from "./csv-fields.ts";

interface Options {
  readonly map?: Record<string, string>;
  readonly set?: Record<string, string>;
  readonly numbers?: readonly string[];
  readonly zone?: string;
  readonly delimiter?: string;
  readonly fromLine?: number;
  readonly eventIdPrefix?: string;
  /** Bytes of a chunk. */
  readonly cut?: number;
}

async function read(text: string | Buffer, options: Options = {}) {
  const { map = {}, set = {}, numbers = [], zone, delimiter = ",", fromLine = 1, eventIdPrefix, cut = 5 } = options;
  const bytes = Buffer.from(text);
  async function* chunks() {
    for (let i = 0; i < bytes.length; i += cut) yield bytes.subarray(i, i + cut);
  }
  const mapping: FieldMapping = {
    columns: new Map(Object.entries(map)),
    constants: new Map(Object.entries(set)),
    numbers: new Set(["temperature", ...numbers]),
    zone,
  };
  const rejected: string[] = [];
  const rows: [number, string][] = [];
  const reject = (line: number, field: string, message: string) => rejected.push(`${line} ${field}: ${message}`);
  let failure: unknown;
  try {
    for await (const some of readCsv(chunks(), { mapping, delimiter, fromLine, eventIdPrefix, reject }))
      for (const { line, event } of some) rows.push([line, event.toString()]);
  } catch (error) {
    failure = error;
  }
  return { rows, rejected, failure };
}

/** The exit code and message of the failure that ended the reading. */
async function failureOf(text: string, options: Options = {}): Promise<{ exitCode: number; message: string }> {
  const { failure } = await read(text, options);
  if (!(failure instanceof CommandFailure)) throw new Error(`no failure but ${String(failure)}`);
  return { exitCode: failure.exitCode, message: failure.message };
}

test.each([1, 2, 3, 4, 1000])(
  "byte order mark, CRLF, quotes over lines and blank lines, cut anywhere (%i)",
  async (cut) => {
    const text = '\uFEFF"device_id",message,temperature\r\na,"one, ""two""\r\nthree",1.50\r\n\r\n"b",,-2e1\r\nc,ü,0';
    const { rows, rejected, failure } = await read(text, { cut });
    expect({ rejected, failure }).toEqual({ rejected: [], failure: undefined });
    expect(rows).toEqual([
      [2, '{"device_id":"a","temperature":1.50,"message":"one, \\"two\\"\\r\\nthree"}'],
      [5, '{"device_id":"b","temperature":-2e1}'],
      [6, '{"device_id":"c","temperature":0,"message":"ü"}'],
    ]);
  },
);

test("columns are mapped, constants set, other columns left out, and a constant goes before a column", async () => {
  const { rows } = await read("sensor;value;status;rpm;junk\ns1;70.1;ignored;900;x\n", {
    delimiter: ";",
    map: { device_id: "sensor", temperature: "value", rpm: "rpm" },
    set: { status: "online", region: "eu" },
    numbers: ["rpm"],
  });
  expect(rows).toEqual([[2, '{"device_id":"s1","temperature":70.1,"rpm":900,"status":"online","region":"eu"}']]);
});

test("a cell that is no number is an error of its line and the others go on", async () => {
  const values = ["1", "abc", "1,5", " 2", "007", "+3", "0x10", "1e999", "NaN", ".5", "", "4.0"];
  const text = `device_id,temperature\n${values.map((value) => `d,"${value}"`).join("\n")}\n`;
  const { rows, rejected } = await read(text);
  expect(rows.map(([line]) => line)).toEqual([2, 12, 13]);
  expect(rejected.map((line) => line.split(" ")[0])).toEqual(["3", "4", "5", "6", "7", "8", "9", "10", "11"]);
  expect(rejected[0]).toBe('3 temperature: "abc" is not a number');
});

test("a line with too few or too many cells is an error of its line", async () => {
  const { rows, rejected } = await read("device_id,status\na\nb,online\nc,online,x\n");
  expect(rows).toEqual([[3, '{"device_id":"b","status":"online"}']]);
  expect(rejected).toEqual(["2 : has 1 cell, there are 2 columns", "4 : has 3 cells, there are 2 columns"]);
});

test("an unknown column is a usage error that names the columns there are", async () => {
  const { exitCode, message } = await failureOf("timestamp,value\n", {
    map: { temperature: "vaule" },
    set: { device_id: "a" },
  });
  expect(exitCode).toBe(2);
  expect(message).toBe("--map temperature=vaule: there is no such column; the columns are: timestamp, value");
});

test("a file in which nothing is the device_id is a usage error", async () => {
  expect(await failureOf("timestamp,value\n1,2\n")).toEqual({
    exitCode: 2,
    message: "no column is the device_id; the columns are: timestamp, value",
  });
});

test("a column that is there twice cannot be used, but may be left out", async () => {
  expect((await failureOf("a,a\n1,2\n", { map: { device_id: "a" } })).exitCode).toBe(2);
  expect((await read("a,a,device_id\n1,2,x\n")).rows).toEqual([[2, '{"device_id":"x"}']]);
});

test("an empty input is a usage error, one with a header alone is not", async () => {
  expect((await failureOf("")).exitCode).toBe(2);
  expect(await read("device_id\n")).toEqual({ rows: [], rejected: [], failure: undefined });
});

test("a time without a zone ends the reading at its line when none is given; what came before it is handed on", async () => {
  const text = "device_id,ts\na,2026-01-01T00:00:00Z\nb,2026-01-01 00:00:00\n";
  const { rows, failure } = await read(text, { cut: 1000 });
  expect(rows.map(([line]) => line)).toEqual([2]);
  expect(failure).toMatchObject({ exitCode: 2, message: 'line 3: ts "2026-01-01 00:00:00" has no time zone' });
  expect((await read(text, { zone: "Z" })).rows[1]).toEqual([3, '{"device_id":"b","ts":"2026-01-01T00:00:00Z"}']);
});

test("a text that is no time is an error of its line", async () => {
  const { rejected } = await read("device_id,ts\na,yesterday\n", { zone: "Z" });
  expect(rejected).toEqual(['2 ts: "yesterday" is not a time such as 2026-01-31 12:00:00 or 2026-01-31T12:00:00Z']);
});

test.each([3, 1000])(
  "quotes out of place end the reading at their line, with what came before handed on (%i)",
  async (cut) => {
    const open = await read('device_id,message\na,x\nb,"never closed\nc,y\n', { cut });
    expect(open.rows).toEqual([[2, '{"device_id":"a","message":"x"}']]);
    expect(open.failure).toMatchObject({ exitCode: 6 });
    expect(String(open.failure)).toContain("line 3: a quote that opens here is not closed");
    const stray = await read('device_id,message\na,x\nb,is "this" right\nc,y\n', { cut });
    expect(stray.rows).toEqual(open.rows);
    expect(String(stray.failure)).toContain("line 3: a quote is out of place");
  },
);

test("a quote that is never closed does not gather the rest of a large file", async () => {
  const { failure } = await read(`device_id,message\na,"${"x\n".repeat(2_000_000)}`, { cut: 65_536 });
  expect(String(failure)).toContain("line 2: a quote that opens here is not closed");
});

test("bytes that are not UTF-8 are an error of their line", async () => {
  const latin1 = Buffer.from("device_id,message\na,f\xfcr\nb,ok\n", "latin1");
  const { rows, rejected } = await read(latin1);
  expect(rows.map(([line]) => line)).toEqual([3]);
  expect(rejected).toEqual(["2 message: is not UTF-8; convert the file first"]);
});

test("event ids are made of the line, also when reading goes on from a line; an id of the file stays", async () => {
  const text = "device_id,event_id\na,\nb,own\nc,\n";
  expect((await read(text, { eventIdPrefix: "run" })).rows).toEqual([
    [2, '{"device_id":"a","event_id":"run-2"}'],
    [3, '{"device_id":"b","event_id":"own"}'],
    [4, '{"device_id":"c","event_id":"run-4"}'],
  ]);
  expect((await read(text, { eventIdPrefix: "run", fromLine: 4 })).rows).toEqual([
    [4, '{"device_id":"c","event_id":"run-4"}'],
  ]);
});

test("a column named like a part of every object is a field like any other", async () => {
  const { rows } = await read("device_id,__proto__\na,x\n", { map: { __proto: "__proto__" } });
  expect(rows).toEqual([[2, '{"__proto":"x","device_id":"a"}']]);
});
