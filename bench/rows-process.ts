// Rows 10, 11 and 13, which need no service: the speed of detection and the weight of what it remembers.
import type { Report } from "./report.ts";
import type { Setting } from "./setting.ts";
import { median, medianRatio } from "./stats.ts";

/** Row 13. */
export async function detectSpeed(setting: Setting, report: Report): Promise<void> {
  await using worker = setting.worker("detect");
  const { parse, decode, whole, detect, bytesPerEvent } = await worker.run("parseAndDetect", {
    events: 200_000,
    devices: 10_000,
    rounds: 7,
  });
  const raw = {
    "detect events/s": detect,
    "JSON.parse events/s": parse,
    "decodeEvent events/s": decode,
    "from bytes to applied events/s": whole,
    "bytes per event": [bytesPerEvent],
  };
  report.add({
    row: "13",
    what: "detect alone, default rules, healthy events / JSON.parse of them",
    value: medianRatio(detect, parse),
    target: { atLeast: 3 },
    raw,
    note: "a healthy event of a known device: applied from its bytes, less the time of reading those bytes alone",
  });
  report.add({
    row: "13 all",
    what: "from bytes to applied, reading included / JSON.parse (text)",
    value: medianRatio(whole, parse),
    raw: {},
  });
  report.add({
    row: "13 dec",
    what: "decodeEvent (bytes to event, validated) / JSON.parse (text)",
    value: medianRatio(decode, parse),
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
