import fc from "fast-check";
import { expect, test } from "vitest";
import { parseInstant } from "./time.ts";

test.each([
  ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"],
  ["2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00.000Z"],
  ["2026-03-01T10:00:00.123456789Z", "2026-03-01T10:00:00.123Z"],
  ["2026-03-01T10:00:00.999999999-00:00", "2026-03-01T10:00:00.999Z"],
  ["2026-03-01T10:00:00.5-23:59", "2026-03-02T09:59:00.500Z"],
  ["2024-02-29t23:59:59z", "2024-02-29T23:59:59.000Z"],
  ["2000-02-29T00:00:00.07Z", "2000-02-29T00:00:00.070Z"],
  ["0000-02-29T00:00:00Z", "0000-02-29T00:00:00.000Z"],
  ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
  ["9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999Z"],
])("%s names %s", (text, instant) => {
  expect(new Date(parseInstant(text)).toISOString()).toBe(instant);
});

test.each([
  ["a year of five digits", "275760-09-13T00:00:00Z"],
  ["a date that is not in the calendar", "2026-02-30T00:00:00Z"],
  ["29 February of a common year", "2026-02-29T00:00:00Z"],
  ["29 February of 1900", "1900-02-29T00:00:00Z"],
  ["month 13", "2026-13-01T00:00:00Z"],
  ["day 0", "2026-01-00T00:00:00Z"],
  ["hour 24", "2026-01-01T24:00:00Z"],
  ["a leap second", "2016-12-31T23:59:60Z"],
  ["no offset", "2026-01-05T00:00:11"],
  ["no offset after a fraction", "2026-01-05T00:00:11.25"],
  ["an offset without minutes", "2026-01-05T00:00:11+02"],
  ["an offset without a colon", "2026-01-05T00:00:11+0200"],
  ["an offset of 24 hours", "2026-01-05T00:00:11+24:00"],
  ["ten fraction digits", "2026-01-05T00:00:11.1234567890Z"],
  ["a dot without digits", "2026-01-05T00:00:11.Z"],
  ["a comma as decimal point", "2026-01-05T00:00:11,5Z"],
  ["a space between date and time", "2026-01-05 00:00:11Z"],
  ["a date alone", "2026-01-05"],
  ["space around it", " 2026-01-05T00:00:11Z"],
  ["a line feed after it", "2026-01-05T00:00:11Z\n"],
  ["digits of another script", "2026-01-05T00:00:1\u0661Z"],
  ["a number in quotes", "1648731311"],
  ["nothing", ""],
])("%s is refused", (_fault, text) => {
  expect(parseInstant(text)).toBeNaN();
});

test("every instant that JavaScript prints is read back", () => {
  const instants = fc.date({
    min: new Date("0000-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59.999Z"),
    noInvalidDate: true,
  });
  fc.assert(fc.property(instants, (date) => parseInstant(date.toISOString()) === date.getTime()));
});

test("a text with one character changed is refused or means a real date", () => {
  const one = fc.record({ at: fc.nat(29), character: fc.constantFrom(..."0123456789-+:.TtZz \u0000") });
  fc.assert(
    fc.property(one, ({ at, character }) => {
      const text = "2026-10-31T21:45:59.123456+02:00";
      const changed = text.slice(0, at) + character + text.slice(at + 1);
      const ms = parseInstant(changed);
      return Number.isNaN(ms) || ms === Date.parse(changed.toUpperCase());
    }),
    { numRuns: 2000 },
  );
});
