import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { believed, decodeEvent } from "./decode.ts";
import type { DeviceEvent, EventError } from "./event.ts";

vi.setConfig({ testTimeout: 60_000 });

const VALID = {
  device_id: "dev-1",
  status: "online",
  temperature: 81.2,
  region: "us-west",
  ts: "2026-01-01T00:00:00Z",
};

function accepted(value: Buffer | string | null): DeviceEvent {
  const decoded = decodeEvent(typeof value === "string" ? Buffer.from(value) : value);
  if (!decoded.ok) throw new Error(`refused: ${decoded.error.message}`);
  return decoded.event;
}

function refused(value: Buffer | string | null): EventError {
  const decoded = decodeEvent(typeof value === "string" ? Buffer.from(value) : value);
  if (decoded.ok) throw new Error("accepted");
  return decoded.error;
}

const withField = (field: string, json: string) => `{"device_id":"dev-1","${field}":${json}}`;

test("an event of the contract is read with its instant and without changes", () => {
  const event = accepted(JSON.stringify({ ...VALID, event_id: "e-1", firmware: { major: 2 } }));
  expect(event).toEqual({
    deviceId: "dev-1",
    eventId: "e-1",
    tsMs: Date.UTC(2026, 0, 1),
    fields: { ...VALID, event_id: "e-1", firmware: { major: 2 } },
  });
});

test("a device id alone is an event, without an instant and without an event id", () => {
  expect(accepted('{"device_id":"x"}')).toEqual({
    deviceId: "x",
    eventId: undefined,
    tsMs: Number.NaN,
    fields: { device_id: "x" },
  });
});

test.each<[string, Buffer | string | null, string]>([
  ["a null value", null, "null-value"],
  ["an empty value", "", "empty-value"],
  ["bytes that are not UTF-8", Buffer.from([0xff, 0xfe]), "invalid-utf8"],
  [
    "a UTF-8 surrogate",
    Buffer.from([...Buffer.from('{"device_id":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')]),
    "invalid-utf8",
  ],
  ["white space", " \n", "invalid-json"],
  ["a byte order mark alone", "\uFEFF", "invalid-json"],
  ["two byte order marks", `\uFEFF\uFEFF${JSON.stringify(VALID)}`, "invalid-json"],
  ["half an event", '{"device_id":"dev', "invalid-json"],
  ["two events", '{"device_id":"a"}{"device_id":"b"}', "invalid-json"],
  ["NaN", withField("temperature", "NaN"), "invalid-json"],
  ["a list", "[]", "not-an-object"],
  ["text", '"x"', "not-an-object"],
  ["null as JSON", "null", "not-an-object"],
])("%s is refused", (_fault, value, code) => {
  expect(refused(value)).toMatchObject({ code, field: "" });
});

test("a leading byte order mark is accepted", () => {
  expect(accepted(`\uFEFF${JSON.stringify(VALID)}`).deviceId).toBe("dev-1");
});

test("a replacement character that was sent is no broken UTF-8", () => {
  expect(accepted('{"device_id":"a\uFFFDb"}').deviceId).toBe("a\uFFFDb");
});

test.each(['"30.11 °C"', '"nan"', '"91.5"', "true", "[91]", '{"value":91}'])(
  "A1 temperature %s is refused and never read as a number",
  (json) => {
    expect(refused(withField("temperature", json))).toMatchObject({ code: "wrong-type", field: "temperature" });
  },
);

test("a temperature beyond every double is refused", () => {
  expect(refused(withField("temperature", "1e999"))).toMatchObject({ code: "bad-value", field: "temperature" });
  expect(refused(withField("temperature", "-1e999"))).toMatchObject({ code: "bad-value", field: "temperature" });
});

test("A2 null in a contract field is absent, in any other field a value", () => {
  const nulls =
    '{"device_id":"d","status":null,"temperature":null,"region":null,"ts":null,"message":null,"event_id":null,"extra":null}';
  expect(accepted(nulls)).toEqual({
    deviceId: "d",
    eventId: undefined,
    tsMs: Number.NaN,
    fields: { device_id: "d", extra: null },
  });
});

test.each<[string, string]>([
  ["1648731311", "wrong-type"],
  ["1648731311000", "wrong-type"],
  ['"1648731311"', "bad-value"],
  ['"2026-03-08T02:30:00"', "bad-value"],
])("A3 ts %s is refused and the message says what form is wanted", (json, code) => {
  const error = refused(withField("ts", json));
  expect(error).toMatchObject({ code, field: "ts" });
  expect(error.message).toContain("RFC 3339");
});

test("A3 nine fraction digits and another offset are instants, the text is kept", () => {
  const nine = accepted(withField("ts", '"2026-03-01T10:00:00.123456789Z"'));
  expect(nine.tsMs).toBe(Date.UTC(2026, 2, 1, 10, 0, 0, 123));
  expect(nine.fields.ts).toBe("2026-03-01T10:00:00.123456789Z");
  expect(accepted(withField("ts", '"2026-03-01T12:00:00+02:00"')).tsMs).toBe(Date.UTC(2026, 2, 1, 10));
});

test.each(["000012300007", "12300007", "dev-a", "Dev-a", "dev-a ", "caf\u00e9", "cafe\u0301", "id-😀"])(
  "A4 the id %j is kept as it is",
  (id) => {
    expect(accepted(JSON.stringify({ device_id: id })).deviceId).toBe(id);
  },
);

test.each<[string, string, string]>([
  ["a number above 2^53", "9007199254740993", "wrong-type"],
  ["a number", "9007199254740992", "wrong-type"],
  ["an id with a NUL", '"a\\u0000b"', "bad-value"],
  ["half of a surrogate pair", '"\\ud800"', "bad-value"],
  ["empty text", '""', "bad-value"],
  ["300 characters", JSON.stringify("x".repeat(300)), "bad-value"],
  ["257 characters outside of the basic plane", JSON.stringify("😀".repeat(257)), "bad-value"],
  ["null", "null", "missing-field"],
])("A4 %s is no device id", (_fault, json, code) => {
  expect(refused(`{"device_id":${json}}`)).toMatchObject({ code, field: "device_id" });
});

test("256 characters of two code units each are a device id", () => {
  expect(accepted(JSON.stringify({ device_id: "😀".repeat(256) })).deviceId).toHaveLength(512);
});

test.each(["status", "region", "message", "event_id"])("%s must be text, well-formed and without NUL", (field) => {
  for (const json of ["5", "true", "[]", "{}"])
    expect(refused(withField(field, json))).toMatchObject({ code: "wrong-type", field });
  for (const json of ['"a\\u0000"', '"\\udc00"'])
    expect(refused(withField(field, json))).toMatchObject({ code: "bad-value", field });
  expect(accepted(withField(field, '"any \\u00e9 text \\\\"')).fields[field]).toBe("any é text \\");
});

test("an object without a device id is refused, whatever its prototype is said to be", () => {
  expect(refused("{}")).toMatchObject({ code: "missing-field", field: "device_id" });
  expect(refused('{"__proto__":{"device_id":"x"}}')).toMatchObject({ code: "missing-field", field: "device_id" });
});

test("a __proto__ field is a field like any other and changes no prototype", () => {
  const event = accepted(
    '{"device_id":"x","status":null,"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
  );
  expect(Object.getPrototypeOf(event.fields)).toBe(Object.prototype);
  expect(Object.hasOwn(event.fields, "__proto__")).toBe(true);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test("32 levels are accepted, 33 and a million are refused", () => {
  const nested = (levels: number) => `{"device_id":"x","a":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
  expect(accepted(nested(32)).deviceId).toBe("x");
  expect(refused(nested(33)).code).toBe("too-deep");
  expect(refused(nested(1_000_000)).code).toBe("too-deep");
});

test("no bytes and no JSON make the decoder throw", () => {
  const fields = fc.constantFrom(
    "device_id",
    "status",
    "region",
    "message",
    "event_id",
    "temperature",
    "ts",
    "__proto__",
    "x",
  );
  const almost = fc.dictionary(
    fields,
    fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }), fc.constant("2026-01-01T00:00:00Z")),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map(Buffer.from),
        almost.map((object) => Buffer.from(JSON.stringify(object))),
      ),
      (bytes) => {
        const decoded = decodeEvent(Buffer.from(bytes));
        return decoded.ok ? decoded.event.deviceId.length > 0 : decoded.error.message.length > 0;
      },
    ),
    { numRuns: 2000 },
  );
});

test("what is accepted holds only contract values of the right form", () => {
  const event = fc.record(
    {
      device_id: fc.oneof(fc.string({ unit: "binary" }), fc.integer()),
      temperature: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string(), fc.constant(null)),
      message: fc.oneof(fc.string({ unit: "binary" }), fc.constant(null), fc.boolean()),
    },
    { requiredKeys: ["device_id"] },
  );
  fc.assert(
    fc.property(event, (sent) => {
      const decoded = decodeEvent(Buffer.from(JSON.stringify(sent)));
      const text = (value: unknown) => typeof value === "string" && value.isWellFormed() && !value.includes("\0");
      const isRight =
        text(sent.device_id) &&
        sent.device_id !== "" &&
        (sent.temperature === undefined || sent.temperature === null || typeof sent.temperature === "number") &&
        (sent.message === undefined || sent.message === null || text(sent.message));
      expect(decoded.ok).toBe(isRight);
    }),
    { numRuns: 1000 },
  );
});

test("a ts is believed from the year 2000 to maxFuture ahead of the log", () => {
  const logMs = Date.UTC(2026, 0, 5);
  expect(believed(logMs, logMs, 300_000)).toBe(true);
  expect(believed(logMs + 300_000, logMs, 300_000)).toBe(true);
  expect(believed(logMs + 300_001, logMs, 300_000)).toBe(false);
  expect(believed(Date.UTC(2000, 0, 1), logMs, 300_000)).toBe(true);
  expect(believed(Date.UTC(2000, 0, 1) - 1, logMs, 300_000)).toBe(false);
  expect(believed(Number.NaN, logMs, 300_000)).toBe(false);
});
