import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeCursor, encodeCursor } from "./cursor.ts";

const position = { createdAt: "2026-01-01T00:00:00.123456Z", id: 42 };
const cursor = encodeCursor("tickets?status=open", position);

test("a cursor gives back its place to the microsecond", () => {
  const places = fc.record({
    createdAt: fc
      .date({ min: new Date("1970-01-01"), max: new Date("9999-12-31"), noInvalidDate: true })
      .chain((date) =>
        fc
          .integer({ min: 0, max: 999 })
          .map((micros) => `${date.toISOString().slice(0, -1)}${String(micros).padStart(3, "0")}Z`),
      ),
    id: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  });
  fc.assert(
    fc.property(places, fc.string(), (place, filter) => {
      expect(decodeCursor(filter, encodeCursor(filter, place))).toEqual({ ok: true, position: place });
    }),
  );
});

test("a cursor with any one letter changed is refused", () => {
  for (let i = 0; i < cursor.length; i++) {
    for (const letter of "Ab9_-. +") {
      const altered = cursor.slice(0, i) + letter + cursor.slice(i + 1);
      if (altered !== cursor)
        expect(decodeCursor("tickets?status=open", altered)).toEqual({ ok: false, code: "bad-value" });
    }
  }
});

test("a cursor that is cut, extended or made up is refused", () => {
  for (const text of ["", "x", cursor.slice(0, -1), `${cursor}A`, `${cursor}=`, ` ${cursor}`]) {
    expect(decodeCursor("tickets?status=open", text)).toEqual({ ok: false, code: "bad-value" });
  }
});

test("a cursor of another filter is told apart from a broken one", () => {
  expect(decodeCursor("tickets?status=resolved", cursor)).toEqual({ ok: false, code: "cursor-mismatch" });
});

test("an impossible date or id is refused even with the right checksum", () => {
  for (const place of [
    { ...position, createdAt: "2026-02-30T00:00:00.000000Z" },
    { ...position, createdAt: "2026-01-01T24:00:00.000000Z" },
    { ...position, createdAt: "2026-01-01T00:00:00.123Z" },
    { ...position, id: -1 },
    { ...position, id: 2 ** 60 },
  ]) {
    expect(decodeCursor("f", encodeCursor("f", place))).toEqual({ ok: false, code: "bad-value" });
  }
});
