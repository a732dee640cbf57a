// Decides what a record of the log is: tick, event at home, event to be moved home, or poison. Pure.
import { decodeEvent } from "../event/decode.ts";
import { ORIGIN_HEADER, TICK_HEADER, TRACEPARENT_HEADER } from "../log/headers.ts";
import { homePartition } from "../log/home.ts";
import type { LogRecord, NewRecord } from "../log/log.ts";
import type { Entry } from "../rule/entry.ts";
import type { DeadLetter } from "../ticket/store.ts";

export interface DecodedRecord {
  readonly entry: Entry;
  readonly deadLetter: DeadLetter | undefined;
  /** The copy to append at the device's home (T8). */
  readonly move: NewRecord | undefined;
}

export interface Place {
  readonly partition: number;
  /** Partitions of the topic. */
  readonly partitions: number;
  /** True if the device has been seen in this partition before: then this is its home. */
  readonly knows: (deviceId: string) => boolean;
}

/** What this record is and what has to be done with it. */
export function decodeRecord(record: LogRecord, place: Place): DecodedRecord {
  const { offset, appendTimeMs, value, headers } = record;
  const bare = (kind: "tick" | "undecodable" | "away"): Entry => ({ kind, offset, appendTimeMs });
  if (value === null && headers[TICK_HEADER] !== undefined) {
    return { entry: bare("tick"), deadLetter: undefined, move: undefined };
  }
  const decoded = decodeEvent(value);
  if (!decoded.ok || value === null) {
    return { entry: bare("undecodable"), deadLetter: deadLetterOf(record, decoded), move: undefined };
  }
  const { event } = decoded;
  if (!place.knows(event.deviceId)) {
    const home = homePartition(event.deviceId, place.partitions);
    if (home !== place.partition) {
      return { entry: bare("away"), deadLetter: undefined, move: moved(record, value, event.deviceId, home, place) };
    }
  }
  const entry: Entry = {
    kind: "event",
    partition: place.partition,
    offset,
    appendTimeMs,
    event,
    value,
    traceparent: headers[TRACEPARENT_HEADER],
    origin: originOf(headers[ORIGIN_HEADER]),
  };
  return { entry, deadLetter: undefined, move: undefined };
}

function deadLetterOf(record: LogRecord, decoded: ReturnType<typeof decodeEvent>): DeadLetter | undefined {
  if (decoded.ok) return undefined;
  const { code, field, message } = decoded.error;
  const { offset, appendTimeMs, key, value, headers } = record;
  return { offset, appendTimeMs, key, value, headers, code, field, message };
}

function moved(record: LogRecord, value: Buffer, deviceId: string, home: number, place: Place): NewRecord {
  const headers = { ...record.headers, [ORIGIN_HEADER]: `${place.partition}/${record.offset}` };
  return { partition: home, key: deviceId, value, headers };
}

/** `partition/offset`; anything else is no origin. */
function originOf(header: string | undefined): { partition: number; offset: number } | undefined {
  const match = header === undefined ? null : /^(\d{1,9})\/(\d{1,15})$/.exec(header);
  if (match === null) return undefined;
  return { partition: Number(match[1]), offset: Number(match[2]) };
}
