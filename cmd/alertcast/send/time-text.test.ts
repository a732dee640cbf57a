import { expect, test } from "vitest";
import { parseZone, readTime } from "./time-text.ts";

test.each([
  ["2013-12-02 21:15:00", "2013-12-02T21:15:00+01:00"],
  ["2013-12-02T21:15:00.25", "2013-12-02T21:15:00.25+01:00"],
  ["2013-12-02 21:15", "2013-12-02T21:15:00+01:00"],
  ["2013-12-02 21:15:00Z", "2013-12-02T21:15:00Z"],
  ["2013-12-02 21:15:00 UTC", "2013-12-02T21:15:00Z"],
  ["2013-12-02 21:15:00-05:30", "2013-12-02T21:15:00-05:30"],
  ["2013-12-02T21:15:00Z", "2013-12-02T21:15:00Z"],
])("%s becomes %s: only a time without a zone takes the one that is given", (text, expected) => {
  expect(readTime(text, "+01:00")).toEqual({ ok: true, text: expected });
});

test("a time without a zone is no time while none is given", () => {
  expect(readTime("2013-12-02 21:15:00", undefined)).toEqual({ ok: false, why: "no-zone" });
});

test.each([
  "2013-02-30 00:00:00",
  "02/12/2013 21:15",
  "1386018900",
  "2013-12-02",
  "",
  "2013-12-02 24:00:00",
  "2013-12-02 21:15:00 CET",
])("%j is not a time, whatever the zone", (text) => {
  expect(readTime(text, "Z")).toEqual({ ok: false, why: "no-time" });
  expect(readTime(text, undefined)).toEqual({ ok: false, why: "no-time" });
});

test("a zone is UTC or an offset; names of places and summer times are refused", () => {
  expect(["UTC", "Z", "+01:00", "-11:30"].map(parseZone)).toEqual(["Z", "Z", "+01:00", "-11:30"]);
  expect(["CET", "Europe/Vienna", "1", "+1", "+24:00", ""].map(parseZone)).toEqual(Array(6).fill(undefined));
});
