// Decides which event the cells of a CSV line mean. Pure; never guesses a column, a zone or a unit.
import { CommandFailure, EXIT } from "../exit.ts";
import { readTime } from "./time-text.ts";

export interface FieldMapping {
  /** Event field -> column. Columns that are named like a field of the contract need none. */
  readonly columns: ReadonlyMap<string, string>;
  /** Event field -> the same text in every event; goes before a column of that name. */
  readonly constants: ReadonlyMap<string, string>;
  /** Fields that are numbers; all others are text. */
  readonly numbers: ReadonlySet<string>;
  /** RFC 3339 offset of times without one. */
  readonly zone: string | undefined;
}

/** The fields of the event contract. */
export const CONTRACT_FIELDS = ["device_id", "status", "temperature", "ts", "region", "message", "event_id"] as const;

export type EventText =
  | { readonly ok: true; readonly json: string }
  | { readonly ok: false; readonly field: string; readonly message: string };

/** @param eventId the event_id of an event that has none of its own */
export type CellsReader = (cells: readonly string[], eventId: string | undefined) => EventText;

type CellText = { readonly ok: true; readonly json: string } | { readonly ok: false; readonly message: string };

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const REPLACEMENT = "\uFFFD";

/**
 * Binds the mapping to the columns of a file.
 * @returns the reader of one line's cells (as many as there are columns); an empty cell is a field that is absent
 * @throws CommandFailure usage, naming the columns there are, for a column that is missing or doubled, or when nothing
 * gives a device_id; the reader throws it for a time without a zone when none is given
 */
export function bindColumns(header: readonly string[], mapping: FieldMapping): CellsReader {
  const sources = columnsOf(header, mapping);
  const constants = [...mapping.constants].map(([field, text]) => constantMember(field, text, mapping));
  return (cells, eventId) => {
    const members: string[] = [];
    let hasEventId = mapping.constants.has("event_id");
    for (const { field, index } of sources) {
      const cell = cells[index] ?? "";
      if (cell === "") continue;
      const read = readCell(field, cell, mapping);
      if (!read.ok) return { ok: false, field, message: read.message };
      members.push(`${JSON.stringify(field)}:${read.json}`);
      hasEventId ||= field === "event_id";
    }
    members.push(...constants);
    if (eventId !== undefined && !hasEventId) members.push(`"event_id":${JSON.stringify(eventId)}`);
    return { ok: true, json: `{${members.join(",")}}` };
  };
}

/** The constants alone, so that a wrong one is found before the file is read. Throws like bindColumns. */
export function constantMember(field: string, text: string, mapping: FieldMapping): string {
  const read = readCell(field, text, mapping);
  if (!read.ok) throw new CommandFailure(EXIT.usage, `--set ${field}=${text}: ${read.message}`);
  return `${JSON.stringify(field)}:${read.json}`;
}

function columnsOf(header: readonly string[], mapping: FieldMapping): { field: string; index: number }[] {
  const { columns, constants } = mapping;
  const implicit = CONTRACT_FIELDS.filter(
    (field) => header.includes(field) && !columns.has(field) && !constants.has(field),
  );
  const wanted = [...columns, ...implicit.map((field) => [field, field] as const)];
  const there = `the columns are: ${header.join(", ")}`;
  const unknown = wanted.filter(([, column]) => !header.includes(column));
  if (unknown.length > 0) {
    const names = unknown.map(([field, column]) => `${field}=${column}`).join(", ");
    throw new CommandFailure(EXIT.usage, `--map ${names}: there is no such column; ${there}`);
  }
  const doubled = wanted.find(([, column]) => header.indexOf(column) !== header.lastIndexOf(column));
  if (doubled !== undefined)
    throw new CommandFailure(EXIT.usage, `the column ${doubled[1]} is there more than once; ${there}`);
  if (!constants.has("device_id") && !wanted.some(([field]) => field === "device_id"))
    throw new CommandFailure(EXIT.usage, `no column is the device_id; ${there}`, {
      remedy: "say which it is with --map device_id=COLUMN, or set one for all with --set device_id=ID",
    });
  return wanted.map(([field, column]) => ({ field, index: header.indexOf(column) }));
}

function readCell(field: string, cell: string, mapping: FieldMapping): CellText {
  if (cell.includes(REPLACEMENT)) return { ok: false, message: "is not UTF-8; convert the file first" };
  if (mapping.numbers.has(field)) return readNumber(cell);
  return field === "ts" ? readTs(cell, mapping.zone) : { ok: true, json: JSON.stringify(cell) };
}

/** As it is written, so that no digit changes. */
function readNumber(cell: string): CellText {
  if (!JSON_NUMBER.test(cell)) return { ok: false, message: `${quoted(cell)} is not a number` };
  return Number.isFinite(Number(cell)) ? { ok: true, json: cell } : { ok: false, message: `${cell} is too large` };
}

function readTs(cell: string, zone: string | undefined): CellText {
  const time = readTime(cell, zone);
  if (time.ok) return { ok: true, json: JSON.stringify(time.text) };
  if (time.why === "no-zone")
    throw new CommandFailure(EXIT.usage, `ts ${quoted(cell)} has no time zone`, {
      remedy: "say which zone such times are in: --ts-zone UTC, or an offset such as --ts-zone +01:00",
    });
  return { ok: false, message: `${quoted(cell)} is not a time such as 2026-01-31 12:00:00 or 2026-01-31T12:00:00Z` };
}

/** Short enough for a message. */
function quoted(cell: string): string {
  return JSON.stringify(cell.length <= 60 ? cell : `${cell.slice(0, 60)}…`);
}
