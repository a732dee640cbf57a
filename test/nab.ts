// Two real temperature series (Numenta Anomaly Benchmark) as device events: one device a series, event time from the file.
import { existsSync, readFileSync } from "node:fs";
import { foldLog } from "./oracle/fold.ts";
import type { OracleTicket } from "./oracle/types.ts";

export interface Reading {
  readonly device_id: string;
  readonly status: "online";
  readonly temperature: number;
  readonly region: string;
  readonly ts: string;
  readonly event_id: string;
}

const DIRECTORY = new URL("../../shared/data/nab/", import.meta.url);
const START_MS = Date.parse("2026-01-05T00:00:00Z");
const SERIES = ["machine_temperature_system_failure", "ambient_temperature_system_failure"];

/** True if the series stand beside this checkout. */
export function hasReadings(): boolean {
  return existsSync(DIRECTORY);
}

/** All readings, the two series interleaved in proportion to their lengths, each in its own order. */
export function readings(): Reading[] {
  const series = SERIES.map((name) => readSeries(name));
  const all: { at: number; reading: Reading }[] = [];
  for (const list of series) {
    for (const [i, reading] of list.entries()) all.push({ at: i / list.length, reading });
  }
  return all.sort((a, b) => a.at - b.at).map(({ reading }) => reading);
}

/**
 * What must be the same by every door and after every crash: the tickets of this input, by an oracle's fold of the bare
 * series, each reading once, a millisecond apart.
 */
export function ticketsOf(all: readonly Reading[]): unknown[] {
  const records = all.map((reading, offset) => ({
    partition: 0,
    offset,
    appendTimeMs: START_MS + offset,
    key: null,
    value: Buffer.from(JSON.stringify(reading)),
    headers: {},
  }));
  return outline(foldLog(records, { partitions: 1 }).tickets);
}

/** What of a ticket does not depend on when its events arrived. */
export function outline(tickets: readonly OracleTicket[]): unknown[] {
  return tickets.map(
    ({ rule, device, seq, status, severity, peakSeverity, reason, occurrences, reopens, eventJson }) => ({
      rule,
      device,
      seq,
      status,
      severity,
      peakSeverity,
      reason,
      occurrences,
      reopens,
      eventJson,
    }),
  );
}

function readSeries(name: string): Reading[] {
  const [, ...lines] = readFileSync(new URL(`${name}.csv`, DIRECTORY), "utf8")
    .trim()
    .split("\n");
  return lines.map((line, i) => {
    const [timestamp = "", value = ""] = line.split(",");
    return {
      device_id: name.replaceAll("_", "-"),
      status: "online",
      temperature: Number(value),
      region: "lab",
      ts: `${timestamp.replace(" ", "T")}Z`,
      event_id: `${name}-${i}`,
    };
  });
}
