import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeEvent } from "./decode.ts";
import { PlainReader } from "./plain.ts";

const WANTED = ["status", "temperature", "battery"];

/** What the reader says of a plain event must be what the decoder says of it. */
function compare(text: string): boolean {
  const reader = new PlainReader(WANTED);
  const bytes = Buffer.from(text, "utf8");
  // Twice, so that what is remembered from one event to the next is used too.
  reader.read(bytes);
  if (!reader.read(bytes)) return false;
  const decoded = decodeEvent(bytes);
  expect(decoded.ok, text).toBe(true);
  if (!decoded.ok) return true;
  const { event } = decoded;
  expect(bytes.toString("utf8", reader.idStart, reader.idEnd)).toBe(event.deviceId);
  expect(reader.tsMs).toBe(event.tsMs);
  expect({ ...reader.fields }).toEqual(Object.fromEntries(WANTED.map((name) => [name, event.fields[name]])));
  return true;
}

const USUAL = {
  device_id: "dev-1",
  status: "online",
  temperature: 81.2,
  battery: 20,
  region: "us-west",
  ts: "2026-01-01T00:00:00.123Z",
  message: "all well",
};

it("a plain event is read from its bytes", () => {
  expect(compare(JSON.stringify(USUAL))).toBe(true);
  expect(compare(JSON.stringify(USUAL, null, 1).replaceAll("\n", " "))).toBe(true);
  expect(compare(JSON.stringify({ ...USUAL, ts: undefined, message: null, event_id: "e", extra: -0.5 }))).toBe(true);
});

it("what is not plain is left to the decoder", () => {
  const json = JSON.stringify(USUAL);
  for (const text of [
    "",
    "{",
    "{}",
    "[]",
    `${json} `,
    ` ${json}`,
    json.slice(0, -1),
    `${json}${json}`,
    json.replace("dev-1", "caf\u00e9"),
    json.replace("dev-1", "a\\u0000b"),
    json.replace("dev-1", ""),
    json.replace("dev-1", "x".repeat(257)),
    json.replace('"dev-1"', "7"),
    json.replace("81.2", '"81.2"'),
    json.replace("81.2", "1e2"),
    json.replace("81.2", "081.2"),
    json.replace("81.2", "81."),
    json.replace("81.2", "null"),
    json.replace("81.2", "81.21234567890123456"),
    json.replace('"online"', "null"),
    json.replace('"battery":20,', ""),
    json.replace('"battery":20', '"battery":{}'),
    json.replace('"battery":20', '"battery":20,"battery":21'),
    json.replace("00.123Z", "60.123Z"),
    json.replace("2026-01-01", "2026-02-30"),
    json.replace("00.123Z", "00.123"),
    json.replace("all well", "two\nlines"),
  ]) {
    expect(compare(text), text).toBe(false);
  }
});

const scalar = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(null, 0, -0, 1e21, 0.1, 123456.789),
);
const time = fc
  .date({ min: new Date("1990-01-01"), max: new Date("2040-01-01"), noInvalidDate: true })
  .map((date) => date.toISOString());
const event = fc.record(
  {
    device_id: fc.oneof(fc.string({ minLength: 1, maxLength: 8 }), scalar),
    status: fc.oneof(fc.constantFrom("online", "offline"), scalar),
    temperature: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), scalar),
    battery: scalar,
    ts: fc.oneof(
      time,
      time.map((t) => t.replace(".000Z", "Z")),
      time.map((t) => t.replace("Z", "+02:00")),
      scalar,
    ),
    message: scalar,
    event_id: scalar,
    extra: fc.oneof(scalar, fc.array(fc.integer(), { maxLength: 2 })),
  },
  { requiredKeys: ["device_id", "status", "temperature", "battery"] },
);

it("the reader never says of an event what the decoder does not say of it", () => {
  let plain = 0;
  fc.assert(
    fc.property(event, (value) => {
      if (compare(JSON.stringify(value))) plain++;
    }),
    { numRuns: 10_000, verbose: true },
  );
  expect(plain, "some of them are plain").toBeGreaterThan(5);
});

it("bytes that are no event by a small change are not taken for one", () => {
  const base = JSON.stringify(USUAL);
  fc.assert(
    fc.property(fc.nat(base.length - 1), fc.integer({ min: 0, max: 127 }), fc.boolean(), (at, code, insert) => {
      compare(base.slice(0, at) + String.fromCharCode(code) + base.slice(insert ? at : at + 1));
    }),
    { numRuns: 5000, verbose: true },
  );
});
