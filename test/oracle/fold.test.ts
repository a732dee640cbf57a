import { Partitioners } from "kafkajs";
import { describe, expect, test } from "vitest";
import { foldLog } from "./fold.ts";
import { LogWriter, START } from "./logs.ts";
import { homeOf } from "./murmur2.ts";

const offline = (more: object = {}) => ({ device_id: "dev-1", status: "offline", ...more });
const online = (more: object = {}) => ({ device_id: "dev-1", status: "online", ...more });
const seconds = (n: number) => START + n * 1000;

describe("home", () => {
  test("is the partition that kafkajs' default partitioner chooses for the same key", () => {
    const partitioner = Partitioners.DefaultPartitioner();
    const ids = [
      "",
      "a",
      "b",
      "dev-1",
      "Gerät 7",
      "😀",
      "\uffff\u0001",
      ...Array.from({ length: 500 }, (_, i) => "x".repeat(i % 40) + i),
    ];
    for (const partitions of [1, 2, 3, 7, 64]) {
      const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
        partitionId,
        leader: 0,
        partitionErrorCode: 0,
        replicas: [],
        isr: [],
      }));
      for (const key of ids.slice(1)) {
        const theirs = partitioner({ topic: "t", partitionMetadata, message: { key, value: null } });
        expect(homeOf(key, partitions), `${key} of ${partitions}`).toBe(theirs);
      }
    }
  });

  test("of a, b is 0 and of dev-1 is 1 with two partitions", () => {
    expect(["a", "b", "dev-1"].map((id) => homeOf(id, 2))).toEqual([0, 0, 1]);
  });
});

describe("records away from home and their copies", () => {
  test("a record away moves its partition's clock and does nothing else", () => {
    const log = new LogWriter()
      .add(offline(), { partition: 0, at: 60 })
      .add({ device_id: "a", status: "offline" }, { partition: 0, at: 5 });
    const result = foldLog(log.records, { partitions: 2 });
    expect(result.counts.away).toBe(1);
    expect(result.tickets).toMatchObject([{ device: "a", openedAtMs: seconds(60) }]);
    expect(result.nextOffsets).toEqual(new Map([[0, 2]]));
  });

  test("a copy acts at its own log time and is the evidence", () => {
    const log = new LogWriter()
      .add(offline(), { partition: 0, at: 0 })
      .add(offline(), { partition: 1, at: 3, headers: { "alertcast-origin": "0/0" } });
    const result = foldLog(log.records, { partitions: 2 });
    expect(result.tickets).toMatchObject([{ openedAtMs: seconds(3), evidenceEntry: "1/0", occurrences: 1 }]);
  });

  test("a copy that was taken before acts once, whatever lies between, and per origin partition", () => {
    const copy = (origin: string) => ({ partition: 0, headers: { "alertcast-origin": origin } });
    const home0 = (more: object = {}) => ({ device_id: "a", status: "offline", ...more });
    const log = new LogWriter()
      .add(home0(), copy("1/5"))
      .add(home0(), copy("1/6"))
      .add(home0(), copy("1/5"))
      .add(home0(), copy("1/6"))
      .add(home0(), copy("2/3"))
      .add(home0(), copy("1/9"))
      .add(home0());
    const result = foldLog(log.records, { partitions: 2 });
    expect(result.counts.movedTwice).toBe(2);
    expect(result.tickets).toMatchObject([{ occurrences: 5, lastSeenMs: seconds(6) }]);
  });

  test("a copy taken before does not make later entries late", () => {
    const at = (second: number) => ({ ts: new Date(seconds(second)).toISOString() });
    const copy = { partition: 1, headers: { "alertcast-origin": "0/1" } };
    const log = new LogWriter()
      .add(online(at(0)), copy)
      .add(online(at(50)), copy)
      .add(offline(at(10)), { partition: 1 });
    expect(foldLog(log.records, { partitions: 2 })).toMatchObject({
      counts: { late: 0, movedTwice: 1 },
      tickets: [{}],
    });
  });

  test("an undecodable record is a dead letter wherever it lies", () => {
    const log = new LogWriter().add("{", { partition: 1 }).add("[]", { partition: 0 }).add("7", { partition: 1 });
    const { deadLetters, counts } = foldLog(log.records, { partitions: 2 });
    expect(deadLetters.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 0],
      [1, 0],
      [1, 1],
    ]);
    expect(counts.quarantined).toBe(3);
  });

  test("partitions may be interleaved in any way", () => {
    const log = new LogWriter();
    for (let i = 0; i < 60; i++) {
      const device = ["a", "b", "dev-1"][i % 3] ?? "";
      log.add({ device_id: device, status: i % 7 < 3 ? "offline" : "online" }, { partition: homeOf(device, 2) });
    }
    const whole = foldLog(log.records, { partitions: 2 });
    const apart = log.records.toSorted((x, y) => y.partition - x.partition || x.offset - y.offset);
    const folded = foldLog(apart, { partitions: 2 });
    expect(folded.tickets).toEqual(whole.tickets);
    expect(whole.tickets.length).toBe(3);
  });
});

describe("what is no event", () => {
  const deep = (levels: number) => `{"device_id":"a","x":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
  const refused: Record<string, string | Buffer | null> = {
    "a null value": null,
    "an empty value": "",
    "invalid UTF-8": Buffer.from([0x7b, 0xff, 0x7d]),
    "two byte order marks": '\ufeff\ufeff{"device_id":"a"}',
    "no JSON": "{'device_id':'a'}",
    NaN: '{"device_id":"a","temperature":NaN}',
    "a list": '["device_id"]',
    "33 levels": deep(33),
    "100000 levels": deep(100_000),
    "no device": "{}",
    "a null device": '{"device_id":null}',
    "a device in the prototype": '{"__proto__":{"device_id":"a"}}',
    "257 code points": JSON.stringify({ device_id: "😀".repeat(257) }),
    "an infinite temperature": '{"device_id":"a","temperature":1e999}',
    "NUL in the region": '{"device_id":"a","region":"\\u0000"}',
    "a lone surrogate in the message": '{"device_id":"a","message":"\\ud800"}',
    "a lone surrogate in the event id": '{"device_id":"a","event_id":"\\udc00"}',
  };
  const badTimes = [
    "",
    "2026-01-05",
    "2026-01-05T00:00:00",
    "2026-01-05 00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-05T24:00:00Z",
    "2026-01-05T23:59:60Z",
    "2026-01-05T00:00:00.Z",
    "2026-01-05T00:00:00.1234567890Z",
    "2026-01-05T00:00:00+24:00",
    "2026-01-05T00:00:00+0100",
    "+275760-09-13T00:00:00Z",
    "2100-02-29T00:00:00Z",
  ];

  test.each(Object.entries(refused))("%s", (_, value) => {
    const { deadLetters } = foldLog(new LogWriter().add(value).records, { partitions: 1 });
    expect(deadLetters).toEqual([
      { partition: 0, offset: 0, value: typeof value === "string" ? Buffer.from(value) : value },
    ]);
  });

  test.each(badTimes)("a ts of %j", (ts) => {
    expect(foldLog(new LogWriter().add(offline({ ts })).records, { partitions: 1 }).counts.quarantined).toBe(1);
  });

  test.each([
    ['\ufeff{"device_id":"a"}', "a byte order mark"],
    [deep(32), "32 levels"],
    [JSON.stringify({ device_id: "😀".repeat(256) }), "256 code points"],
    ['{"device_id":"a","other":"\\ud800\\u0000","x":1e999}', "anything in a free field"],
    ['{"device_id":7,"device_id":"a"}', "the last of equal keys"],
    ['{"device_id":"a","ts":"2024-02-29T23:59:59.999999999-23:59"}', "nine digits of fraction"],
    ['{"device_id":"a","ts":"0001-01-01T00:00:00Z"}', "the first year"],
  ])("but %s is one: %s", (value) => {
    expect(foldLog(new LogWriter().add(value).records, { partitions: 1 }).counts.quarantined).toBe(0);
  });
});

describe("details of the fold", () => {
  test("a tick moves the clock and nothing else; with a value the record is none", () => {
    const tick = { "alertcast-tick": "1" };
    const log = new LogWriter()
      .add(null, { at: 100, headers: tick })
      .add(offline(), { at: 5, headers: tick })
      .add("", { headers: tick });
    const result = foldLog(log.records, { partitions: 1 });
    expect(result.tickets).toMatchObject([{ openedAtMs: seconds(100), occurrences: 1 }]);
    expect(result.deadLetters).toMatchObject([{ offset: 2 }]);
  });

  test("the ticket keeps the text of the event that opened it and moves its evidence", () => {
    const text = '{ "device_id":"dev-1",  "temperature":76.0 }';
    const log = new LogWriter().add(text).add({ device_id: "dev-1", temperature: 90 });
    const [ticket] = foldLog(log.records, { partitions: 1 }).tickets;
    expect(ticket).toMatchObject({ eventJson: text, evidenceEntry: "0/1", reason: "Temperature high: 90" });
  });

  test("held in the band of the lower level, reason and evidence are that level's last match", () => {
    const log = new LogWriter()
      .add({ device_id: "dev-1", temperature: 90 })
      .add({ device_id: "dev-1", temperature: 73 });
    const [ticket] = foldLog(log.records, { partitions: 1 }).tickets;
    expect(ticket).toMatchObject({ severity: "medium", reason: "Temperature elevated: 90", evidenceEntry: "0/0" });
  });

  test("an entry with the id of one that meant nothing then is no repeat", () => {
    const log = new LogWriter()
      .add(online({ event_id: "x" }))
      .add(offline({ event_id: "x" }))
      .add(offline({ event_id: "x" }));
    const result = foldLog(log.records, { partitions: 1 });
    expect(result.tickets).toMatchObject([{ rule: "device-offline", occurrences: 1 }]);
    expect(result.counts.repeated).toBe(1);
  });

  test("counts are of tickets by severity and status", () => {
    const log = new LogWriter()
      .add(offline())
      .add(online({ temperature: 80 }))
      .add({ device_id: "b", temperature: 90 });
    expect(foldLog(log.records, { partitions: 1 }).ticketCounts).toEqual(
      new Map([
        ["critical/resolved", 1],
        ["medium/open", 1],
        ["high/open", 1],
      ]),
    );
  });

  test("a hundred thousand entries are folded", () => {
    const log = new LogWriter();
    for (let i = 0; i < 100_000; i++) {
      const device = `dev-${(i * 7919) % 1000}`;
      const event = {
        device_id: device,
        status: i % 11 === 0 ? "offline" : "online",
        temperature: 60 + (i % 31),
        event_id: `e${i}`,
      };
      log.add(event, { partition: homeOf(device, 6) });
    }
    const result = foldLog(log.records, { partitions: 6 });
    expect(result.tickets.length).toBeGreaterThan(1000);
    expect(result.counts).toEqual({ late: 0, badTs: 0, quarantined: 0, away: 0, movedTwice: 0, repeated: 0 });
  });
});
