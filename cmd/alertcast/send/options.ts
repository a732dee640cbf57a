// Decides what the options of `send` mean and which do not go together. Throws usage errors; reads no file.
import { InvalidArgumentError } from "commander";
import { MAX_DURATION_MS, parseDuration } from "../../../pkg/rule/duration.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { constantMember, type FieldMapping } from "./csv-fields.ts";
import { parseZone } from "./time-text.ts";

/** As commander hands them over. */
export interface SendOptions {
  readonly url: URL;
  readonly format?: Format;
  readonly map?: ReadonlyMap<string, string>;
  readonly set?: ReadonlyMap<string, string>;
  readonly number?: ReadonlySet<string>;
  readonly tsZone?: string;
  readonly delimiter?: string;
  readonly eventIdPrefix?: string;
  readonly rate?: number;
  readonly batch: number;
  readonly fromLine: number;
  readonly giveUpAfter: number;
  readonly dryRun?: true;
  readonly quiet?: true;
}

export type Format = "ndjson" | "csv";

const ENDINGS: ReadonlyMap<string, Format> = new Map([
  [".csv", "csv"],
  [".ndjson", "ndjson"],
  [".jsonl", "ndjson"],
]);
const CSV_ONLY = ["map", "set", "number", "tsZone", "delimiter"] as const;
const FLAGS = {
  map: "--map",
  set: "--set",
  number: "--number",
  tsZone: "--ts-zone",
  delimiter: "--delimiter",
} as const;

/** What was asked for, else what the file's ending says; undefined for `file` is standard input. */
export function formatOf(options: SendOptions, file: string | undefined): Format {
  const ending = file === undefined ? undefined : /\.[^./\\]+$/.exec(file)?.[0].toLowerCase();
  const format = options.format ?? ENDINGS.get(ending ?? "");
  if (format === undefined)
    throw new CommandFailure(EXIT.usage, `it is not clear what ${file ?? "standard input"} holds`, {
      remedy: "say which with --format ndjson or --format csv",
    });
  const given = CSV_ONLY.filter((name) => options[name] !== undefined).map((name) => FLAGS[name]);
  if (format === "ndjson" && given.length > 0)
    throw new CommandFailure(EXIT.usage, `${given.join(", ")}: only for CSV; NDJSON is sent as it is`);
  return format;
}

/** What the cells of CSV mean. Throws usage when a field comes from two sides or a constant is malformed. */
export function mappingOf(options: SendOptions): FieldMapping {
  const {
    map: columns = new Map<string, string>(),
    set: constants = new Map<string, string>(),
    tsZone: zone,
  } = options;
  const numbers = new Set(["temperature", ...(options.number ?? [])]);
  const both = [...columns.keys()].find((field) => constants.has(field));
  if (both !== undefined) throw new CommandFailure(EXIT.usage, `${both} has both --map and --set`);
  const notNumber = ["device_id", "status", "region", "message", "event_id", "ts"].find((field) => numbers.has(field));
  if (notNumber !== undefined) throw new CommandFailure(EXIT.usage, `--number ${notNumber}: it is text`);
  const mapping: FieldMapping = { columns, constants, numbers, zone };
  for (const [field, text] of constants) constantMember(field, text, mapping);
  return mapping;
}

/** For options of the form `field=value` that may come more than once. */
export function parsePair(text: string, before: ReadonlyMap<string, string> | undefined): ReadonlyMap<string, string> {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError("It must be FIELD=VALUE.");
  const field = text.slice(0, at);
  if (before?.has(field)) throw new InvalidArgumentError(`${field} is given twice.`);
  return new Map([...(before ?? []), [field, text.slice(at + 1)]]);
}

/** For options that may come more than once. */
export function parseField(text: string, before: ReadonlySet<string> | undefined): ReadonlySet<string> {
  return new Set([...(before ?? []), text]);
}

export function parseTsZone(text: string): string {
  const zone = parseZone(text);
  if (zone === undefined) throw new InvalidArgumentError("It must be UTC or an offset such as +01:00.");
  return zone;
}

/** With a trailing slash, so that a path of its own stays. An empty one (of the environment) is the default. */
export function parseUrl(text: string): URL {
  const url = URL.parse(text === "" ? DEFAULT_URL : text);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.username !== "" || url.search !== "")
    throw new InvalidArgumentError("It must be a web address such as http://ingestor:8081, without user or query.");
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

export const DEFAULT_URL = "http://localhost:8080";

export function parseGiveUp(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms > MAX_DURATION_MS)
    throw new InvalidArgumentError("It must be a duration such as 30s, 5m, 1h.");
  return ms;
}

export function parseRate(text: string): number {
  const rate = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (!(rate > 0 && rate <= 1e9)) throw new InvalidArgumentError("It must be a number of events per second above 0.");
  return rate;
}

/** A whole number of this range. */
export function parseWhole(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : -1;
    if (number < min || number > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return number;
  };
}

export function parseDelimiter(text: string): string {
  const delimiter = text === "\\t" || text === "tab" ? "\t" : text;
  if (!/^[^"\r\n\w]$/.test(delimiter)) throw new InvalidArgumentError("It must be one character such as ; or tab.");
  return delimiter;
}

export function parsePrefix(text: string): string {
  if (!/^[^\0]{1,200}$/.test(text) || !text.isWellFormed())
    throw new InvalidArgumentError("It must be 1 to 200 characters.");
  return text;
}
