import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { decodeEvent } from "./decode.ts";
import { isJsonArray, splitArray, splitLines, trimJson } from "./split.ts";

vi.setConfig({ testTimeout: 60_000 });

/** The members as text, or undefined when the whole is no array. */
function members(text: string): string[] | undefined {
  const found: string[] = [];
  const cut = splitArray(trimJson(Buffer.from(text)));
  for (;;) {
    const next = cut.next();
    if (next.done === true) return next.value ? found : undefined;
    found.push(next.value.toString());
  }
}

const lines = (text: string) => [...splitLines(trimJson(Buffer.from(text)))].map(String);

test("a member keeps the bytes it was sent with", () => {
  const first = '{ "ts" : "2026-03-01T10:00:00.123456789Z", "n": 1e999, "n": 9007199254740993 }';
  const second = '{"a":"],[\\"}{\\\\","b":[1,{"c":[]}]}';
  expect(members(`[ ${first} ,\n${second}\t]`)).toEqual([first, second]);
});

test.each([
  ["[]", []],
  ["[ \n]", []],
  ["[1]", ["1"]],
  ['[nan,"x",[]]', ["nan", '"x"', "[]"]],
])("%s is an array of %j", (text, expected) => {
  expect(members(text)).toEqual(expected);
});

test.each([
  "[",
  "[1",
  '["',
  '["\\"]',
  "[1}",
  "[{]}",
  "[1,]",
  "[,]",
  "[,1]",
  "[1,,2]",
  "[1]]",
  "[1] x",
  "[1][2]",
  "[]]",
  "[[]",
])("%s is no array", (text) => {
  expect(members(text)).toBeUndefined();
});

test("B1 lines lose their byte order mark, their CR and nothing else; blank lines are none", () => {
  expect(lines('\uFEFF{"a":1}\r\n\r\n \t\n{"b":2}{"c":3}\n{"d": 4}')).toEqual([
    '{"a":1}',
    '{"b":2}{"c":3}',
    '{"d": 4}',
  ]);
  expect(lines("")).toEqual([]);
  expect(lines("\uFEFF")).toEqual([]);
});

test("brackets beyond all measure are no array", () => {
  expect(members(`[${"[".repeat(9_999)}${"]".repeat(9_999)}]`)).toHaveLength(1);
  expect(members(`[${"[".repeat(2_000_000)}${"]".repeat(2_000_000)}]`)).toBeUndefined();
});

test("an array is told from one value", () => {
  expect(isJsonArray(trimJson(Buffer.from("\uFEFF [ ]")))).toBe(true);
  expect(isJsonArray(trimJson(Buffer.from(" {}")))).toBe(false);
  expect(isJsonArray(trimJson(Buffer.from("")))).toBe(false);
});

test("any JSON array is cut into the bytes of its members", () => {
  fc.assert(
    fc.property(fc.array(fc.json()), (texts) => {
      expect(members(`[${texts.join(" , ")}]`)).toEqual(texts);
    }),
  );
});

test("cutting never throws, and what JSON takes for an array is cut", () => {
  const structural = fc.string({ unit: fc.constantFrom(...'[]{}",:\\1a \n'), maxLength: 20 });
  fc.assert(
    fc.property(structural, (text) => {
      const cut = members(`[${text}`);
      let parsed: unknown;
      try {
        parsed = JSON.parse(`[${text}`);
      } catch {
        return true;
      }
      expect(cut?.map((member) => JSON.parse(member))).toEqual(parsed);
      return true;
    }),
    { numRuns: 5000 },
  );
});

test("an event is judged alike alone, as a line and as a member", () => {
  const value = fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }));
  const event = fc
    .dictionary(fc.constantFrom("device_id", "status", "temperature", "ts", "x"), value)
    .map((object) => JSON.stringify(object));
  fc.assert(
    fc.property(event, event, (one, two) => {
      const alone = [one, two].map((text) => decodeEvent(Buffer.from(text)));
      const asMembers = [...splitArray(Buffer.from(`[${one}, ${two}]`))].map(decodeEvent);
      const asLines = [...splitLines(Buffer.from(`${one}\r\n${two}`))].map(decodeEvent);
      expect(asMembers).toEqual(alone);
      expect(asLines).toEqual(alone);
    }),
    { numRuns: 500 },
  );
});
