// Writes the memory of a partition as compact bytes and reads it back. Pure; the format has a number.
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { decodeEvent } from "../event/decode.ts";
import { type DeviceTable, LAST_SEEN, NEWEST_EVENT, NEWEST_LOG } from "./device-table.ts";
import type { Severity } from "./model.ts";
import {
  type Alarm,
  createMemory,
  type LevelState,
  type Match,
  type PartitionMemory,
  type Previous,
} from "./partition-memory.ts";
import { ByteReader, ByteWriter } from "./varint.ts";

/** Raised whenever the bytes change their meaning; a snapshot of another format is not read. */
export const SNAPSHOT_FORMAT = 1;

const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

type PlainPrevious = readonly [offset: number, text: string];

interface PlainMatch extends Omit<Match, "fields" | "previous" | "lastSeenMs"> {
  readonly lastSeenMs: number | null;
  readonly previous: PlainPrevious | undefined;
}

interface PlainLevel extends Omit<LevelState, "sinceMs" | "recoveryMs" | "last"> {
  readonly sinceMs: number | null;
  readonly recoveryMs: number | null;
  readonly last: PlainMatch | undefined;
}

interface PlainAlarm {
  readonly slot: number;
  readonly ruleId: string;
  readonly dedup: string;
  readonly levels: readonly PlainLevel[];
  readonly severity: Severity | undefined;
  readonly inherited: Severity | undefined;
  readonly inheritedRecoveryMs: number | null;
  readonly offSinceMs: number | null;
  readonly seen: readonly number[];
}

interface Plain {
  readonly clockMs: number | null;
  readonly origins: readonly (readonly [number, number])[];
  readonly ruleSince: readonly (readonly [string, number])[];
  readonly alarms: readonly PlainAlarm[];
  readonly previous: readonly (readonly [slot: number, ...PlainPrevious])[];
}

const orNull = (n: number) => (Number.isFinite(n) ? n : null);
const orNaN = (n: number | null) => n ?? Number.NaN;

/** The bytes of a memory. */
export function encodeSnapshot(memory: PartitionMemory): Buffer {
  const plain: Plain = {
    clockMs: orNull(memory.clockMs),
    origins: [...memory.origins],
    ruleSince: [...memory.ruleSince],
    alarms: [...memory.alarms].flatMap(([slot, alarms]) => alarms.map((alarm) => plainAlarm(slot, alarm))),
    previous: [...memory.previous].map(([slot, p]) => [slot, p.offset, p.text] as const),
  };
  const writer = new ByteWriter(64 + memory.devices.size * 24);
  writer.text(JSON.stringify(plain));
  writeDevices(writer, memory.devices, Number.isFinite(memory.clockMs) ? memory.clockMs : 0);
  return zstdCompressSync(writer.bytes(), FAST);
}

function plainAlarm(slot: number, alarm: Alarm): PlainAlarm {
  return {
    slot,
    ruleId: alarm.ruleId,
    dedup: alarm.dedup,
    levels: alarm.levels.map((state) => ({
      ...state,
      sinceMs: orNull(state.sinceMs),
      recoveryMs: orNull(state.recoveryMs),
      last: state.last === undefined ? undefined : plainMatch(state.last),
    })),
    severity: alarm.severity,
    inherited: alarm.inherited,
    inheritedRecoveryMs: orNull(alarm.inheritedRecoveryMs),
    offSinceMs: orNull(alarm.offSinceMs),
    seen: alarm.seen,
  };
}

function plainMatch(match: Match): PlainMatch {
  const { fields: _, previous, lastSeenMs, ...rest } = match;
  return {
    ...rest,
    lastSeenMs: orNull(lastSeenMs),
    previous: previous === undefined ? undefined : [previous.offset, previous.text],
  };
}

/** Columns: ids, then times as differences that are mostly small (clock - last seen, last seen - A, A - E). */
function writeDevices(writer: ByteWriter, devices: DeviceTable, clockMs: number): void {
  writer.varint(devices.size);
  for (const slot of devices.slots()) writer.block(devices.idBytes(slot));
  const { times } = devices;
  const at = (slot: number, which: number) => times[slot + which] as number;
  for (const slot of devices.slots()) writer.optional(clockMs - at(slot, LAST_SEEN));
  for (const slot of devices.slots()) writer.optional(at(slot, LAST_SEEN) - at(slot, NEWEST_LOG));
  for (const slot of devices.slots()) writer.optional(at(slot, NEWEST_LOG) - at(slot, NEWEST_EVENT));
}

/**
 * The memory these bytes hold.
 * @throws Error when they are damaged
 */
export function decodeSnapshot(bytes: Buffer): PartitionMemory {
  const reader = new ByteReader(zstdDecompressSync(bytes));
  const plain: Plain = JSON.parse(reader.text());
  const memory = createMemory();
  memory.clockMs = plain.clockMs ?? Number.NEGATIVE_INFINITY;
  for (const [partition, offset] of plain.origins) memory.origins.set(partition, offset);
  for (const [ruleId, offset] of plain.ruleSince) memory.ruleSince.set(ruleId, offset);
  readDevices(reader, memory.devices, plain.clockMs ?? 0);
  for (const [slot, offset, text] of plain.previous) memory.previous.set(slot, previousOf([offset, text]));
  for (const alarm of plain.alarms) {
    const list = memory.alarms.get(alarm.slot) ?? [];
    list.push(alarmOf(alarm, memory.devices.idBytes(alarm.slot).toString("utf8")));
    memory.alarms.set(alarm.slot, list);
  }
  return memory;
}

function readDevices(reader: ByteReader, devices: DeviceTable, clockMs: number): void {
  const n = reader.varint();
  for (let i = 0; i < n; i++) {
    const id = reader.block();
    devices.addBytes(id, 0, id.length);
  }
  const { times } = devices;
  for (const slot of devices.slots()) times[slot + LAST_SEEN] = clockMs - reader.optional();
  for (const slot of devices.slots())
    times[slot + NEWEST_LOG] = (times[slot + LAST_SEEN] as number) - reader.optional();
  for (const slot of devices.slots()) {
    times[slot + NEWEST_EVENT] = (times[slot + NEWEST_LOG] as number) - reader.optional();
  }
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  const decoded = decodeEvent(Buffer.from(text, "utf8"));
  if (!decoded.ok) throw new Error(`a remembered event is not one: ${decoded.error.message}`);
  return decoded.event.fields;
}

function previousOf([offset, text]: PlainPrevious): Previous {
  return { offset, text, fields: fieldsOf(text) };
}

function alarmOf(plain: PlainAlarm, deviceId: string): Alarm {
  return {
    ruleId: plain.ruleId,
    deviceId,
    dedup: plain.dedup,
    levels: plain.levels.map((level) => ({
      ...level,
      window: [...level.window],
      sinceMs: orNaN(level.sinceMs),
      recoveryMs: orNaN(level.recoveryMs),
      last: level.last === undefined ? undefined : matchOf(level.last),
    })),
    severity: plain.severity,
    inherited: plain.inherited,
    inheritedRecoveryMs: orNaN(plain.inheritedRecoveryMs),
    offSinceMs: orNaN(plain.offSinceMs),
    seen: [...plain.seen],
    scheduledMs: Number.POSITIVE_INFINITY,
  };
}

function matchOf(plain: PlainMatch): Match {
  return {
    ...plain,
    eventId: plain.eventId,
    traceId: plain.traceId,
    fields: fieldsOf(plain.text),
    lastSeenMs: orNaN(plain.lastSeenMs),
    previous: plain.previous === undefined ? undefined : previousOf(plain.previous),
  };
}
