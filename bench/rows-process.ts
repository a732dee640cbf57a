// Rows 10, 11 and 13, which need no service: the speed of detection and the weight of what it remembers.
import type { Report } from "./report.ts";
import type { Setting } from "./setting.ts";
import { median, medianRatio } from "./stats.ts";

/** Row 13. */
export async function detectSpeed(setting: Setting, report: Report): Promise<void> {
  await using worker = setting.worker("detect");
  const events = 20_000;
  const { parse, decode, read, whole, apply, bytesPerEvent } = await worker.run("parseAndDetect", {
    events,
    devices: 10_000,
    rounds: 25,
  });
  const rate = (ms: readonly number[]) => ms.map((each) => (events / each) * 1000);
  report.add({
    row: "13",
    what: "detect alone (decoded beforehand), default rules, healthy events / JSON.parse of them",
    value: medianRatio(parse, apply),
    target: { atLeast: 3 },
    raw: {
      "detect events/s": rate(apply),
      "JSON.parse events/s": rate(parse),
      "decodeEvent events/s": rate(decode),
      "read from bytes events/s": rate(read),
      "from bytes to applied events/s": rate(whole),
      "bytes per event": [bytesPerEvent],
    },
  });
  // Medians first: in a single round the noise of two long times can be more than their short difference.
  const lessReadMs = median(whole) - median(read);
  if (lessReadMs > 0) {
    report.add({
      row: "13 short",
      what: "the short way from bytes, less the reading of those bytes / JSON.parse (text)",
      value: median(parse) / lessReadMs,
      raw: {},
      note: "a difference of two medians: doubtful on a busy machine",
    });
  }
  report.add({
    row: "13 all",
    what: "the short way from bytes, reading included / JSON.parse (text)",
    value: medianRatio(parse, whole),
    raw: {},
  });
  report.add({
    row: "13 dec",
    what: "decodeEvent (bytes to event, validated) / JSON.parse (text)",
    value: medianRatio(parse, decode),
    raw: {},
  });
}

/** Row 10. */
export async function memoryOverTime(setting: Setting, report: Report): Promise<void> {
  await using worker = setting.worker("memory");
  const marks = [1_000_000, 2_000_000, 5_000_000, 10_000_000];
  const held = await worker.run("memoryOverTime", { devices: 10_000, alerting: 0.01, marks });
  const [first, last] = [held[0], held.at(-1)];
  const raw = Object.fromEntries(
    held.flatMap(({ bytes, snapshotBytes }, i) => {
      const after = `after ${(marks[i] ?? 0) / 1e6} M`;
      return [
        [`memory bytes ${after}`, [bytes]],
        [`snapshot bytes ${after}`, [snapshotBytes]],
      ];
    }),
  );
  const note =
    "in process, decode and detect of one partition, swept every 200,000 events; no Kafka, no database; 10 ms of log time between events";
  report.add({
    row: "10",
    what: "memory after 10 M events / after 1 M, 10,000 devices, 1 % alerting",
    value: (last?.bytes ?? Number.NaN) / (first?.bytes ?? Number.NaN),
    target: { atMost: 1.1 },
    raw,
    note,
  });
}

/** Row 11. */
export async function memoryPerDevice(setting: Setting, report: Report): Promise<void> {
  for (const ids of ["short", "uuid"] as const) {
    const name = ids === "short" ? "ids like dev-000001" : "random 36-character ids";
    const runs = [];
    for (let round = 0; round < 3; round++) {
      await using worker = setting.worker(`fleet-${ids}-${round}`);
      runs.push(await worker.run("memoryOfFleet", { devices: 100_000, ids }));
    }
    const bytes = runs.map((run) => run.bytesPerDevice);
    const snapshot = runs.map((run) => run.snapshotBytesPerDevice);
    const raw = {
      "bytes live": bytes,
      "bytes after being restored": runs.map((run) => run.restoredBytesPerDevice),
      "snapshot bytes": snapshot,
    };
    const row = ids === "short" ? "11a" : "11b";
    report.add({
      row,
      what: `memory per healthy device, 100,000 of them, ${name}`,
      value: median(bytes),
      unit: "bytes",
      target: { atMost: 200 },
      raw,
    });
    report.add({
      row: `${row} snap`,
      what: `snapshot per healthy device, ${name}`,
      value: median(snapshot),
      unit: "bytes",
      target: { atMost: 40 },
      raw: {},
    });
  }
}
