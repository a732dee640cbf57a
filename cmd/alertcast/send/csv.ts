// Decides which lines of CSV are events: the first line names the columns, quotes may span lines.
// A line whose cells do not fit is told by its number and left out; quotes out of place end the reading.
import { type CsvError, parse } from "csv-parse";
import { messageOf } from "../../../pkg/errors.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { bindColumns, type EventText, type FieldMapping } from "./csv-fields.ts";
import { MAX_LINE_BYTES, type Reject, type Row, withoutByteOrderMark } from "./rows.ts";

export interface CsvOptions {
  readonly mapping: FieldMapping;
  /** One character. */
  readonly delimiter: string;
  /** Lines before it are skipped, but for the one that names the columns. */
  readonly fromLine: number;
  /** Gives events without an event_id the id `<prefix>-<line>`. */
  readonly eventIdPrefix: string | undefined;
  readonly reject: Reject;
}

interface CsvRecord {
  readonly cells: readonly string[];
  readonly line: number;
}

/**
 * The events of the input, as many at a time as a chunk holds. Blank lines count as lines only.
 * Throws CommandFailure: usage as bindColumns does, partFailed where quotes are out of place.
 */
export async function* readCsv(input: AsyncIterable<Buffer>, options: CsvOptions): AsyncGenerator<Row[]> {
  let toRow: ((record: CsvRecord) => Row | undefined) | undefined;
  for await (const records of readRecords(input, options.delimiter)) {
    const rows: Row[] = [];
    for (const record of records) {
      if (record.cells.length === 1 && record.cells[0] === "") continue;
      if (toRow === undefined) {
        toRow = createRowReader(record.cells, options);
        continue;
      }
      try {
        const row = record.line < options.fromLine ? undefined : toRow(record);
        if (row !== undefined) rows.push(row);
      } catch (error) {
        if (rows.length > 0) yield rows;
        throw error;
      }
    }
    if (rows.length > 0) yield rows;
  }
  if (toRow === undefined)
    throw new CommandFailure(EXIT.usage, "the input is empty: CSV begins with a line of column names");
}

function createRowReader(header: readonly string[], options: CsvOptions): (record: CsvRecord) => Row | undefined {
  const { mapping, eventIdPrefix, reject } = options;
  const readEvent = bindColumns(header, mapping);
  return ({ cells, line }) => {
    if (cells.length !== header.length) {
      reject(
        line,
        "",
        `has ${cells.length} ${cells.length === 1 ? "cell" : "cells"}, there are ${header.length} columns`,
      );
      return undefined;
    }
    const eventId = eventIdPrefix === undefined ? undefined : `${eventIdPrefix}-${line}`;
    const event = readAt(line, () => readEvent(cells, eventId));
    if (!event.ok) {
      reject(line, event.field, event.message);
      return undefined;
    }
    return { line, event: Buffer.from(event.json) };
  };
}

/** Adds the line to a failure that ends the reading. */
function readAt(line: number, read: () => EventText): EventText {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    const remedy = error.remedy === undefined ? {} : { remedy: error.remedy };
    throw new CommandFailure(error.exitCode, `line ${line}: ${error.message}`, { ...remedy, cause: error });
  }
}

/** The records of each chunk with the line each begins in. */
async function* readRecords(input: AsyncIterable<Buffer>, delimiter: string): AsyncGenerator<CsvRecord[]> {
  const lines = new LineCounter();
  let line = 1;
  let records: CsvRecord[] = [];
  const parser = parse({
    delimiter,
    record_delimiter: ["\r\n", "\n"],
    relax_column_count: true,
    max_record_size: MAX_LINE_BYTES,
    // Taken from here rather than from the readable side: those before an error are then not lost with it.
    on_record: (cells: string[], info) => {
      records.push({ cells, line });
      line = 1 + lines.before(info.bytes);
      return undefined;
    },
  });
  let failure: unknown;
  parser.on("error", (error) => {
    failure ??= error;
  });
  parser.resume();
  for await (const chunk of withoutByteOrderMark(input)) {
    lines.add(chunk);
    await new Promise<void>((resolve) => parser.write(chunk, () => resolve()));
    yield records;
    records = [];
    if (failure !== undefined) throw quotesFailure(line, failure);
  }
  await new Promise<void>((resolve) => parser.end(() => resolve()));
  yield records;
  if (failure !== undefined) throw quotesFailure(line, failure);
}

function quotesFailure(line: number, cause: unknown): CommandFailure {
  const code = (cause as Partial<CsvError>).code;
  const what =
    code === "CSV_QUOTE_NOT_CLOSED" || code === "CSV_MAX_RECORD_SIZE"
      ? `a quote that opens here is not closed (or a line has more than ${MAX_LINE_BYTES} characters)`
      : code === "CSV_INVALID_CLOSING_QUOTE" || code === "INVALID_OPENING_QUOTE"
        ? 'a quote is out of place; a cell with quotes in it is written "like ""this"""'
        : messageOf(cause);
  return new CommandFailure(EXIT.partFailed, `line ${line}: ${what}`, { cause });
}

/** How many lines end before a byte; asked in rising order, keeps only the chunks that are not passed yet. */
class LineCounter {
  #chunks: Buffer[] = [];
  /** Where the first chunk begins. */
  #start = 0;
  /** Up to here is counted. */
  #at = 0;
  #count = 0;

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  before(byte: number): number {
    for (let chunk = this.#chunks[0]; chunk !== undefined && this.#at < byte; chunk = this.#chunks[0]) {
      const end = Math.min(byte - this.#start, chunk.length);
      for (let i = chunk.indexOf(0x0a, this.#at - this.#start); i !== -1 && i < end; i = chunk.indexOf(0x0a, i + 1))
        this.#count++;
      this.#at = this.#start + end;
      if (end < chunk.length) break;
      this.#start += chunk.length;
      this.#chunks.shift();
    }
    return this.#count;
  }
}
