// Decides which events go together in one request. Never waits for a batch to fill while events are at hand:
// what a live input has given is sent after a short while.
import type { Row } from "./rows.ts";

export interface BatchOptions {
  /** Events of a batch, at most. */
  readonly events: number;
  /** Bytes of a batch's events, at most; one that is larger goes alone. */
  readonly bytes: number;
  /** How long an event waits for others. */
  readonly lingerMs: number;
  /** Ends the batches at once; what was read and not yet handed on is dropped. */
  readonly signal: AbortSignal;
}

type Turn = IteratorResult<readonly Row[]> | "linger" | "aborted";

/** The rows in batches, in order. Where `rows` fails, what came before it is handed on first. */
export async function* batches(rows: AsyncIterator<readonly Row[]>, options: BatchOptions): AsyncGenerator<Row[]> {
  const { events, bytes, lingerMs, signal } = options;
  let batch: Row[] = [];
  let size = 0;
  let next = advance(rows);
  for (;;) {
    let turn: Turn;
    try {
      turn = await firstOf(next, batch.length > 0 ? lingerMs : undefined, signal);
    } catch (error) {
      if (batch.length > 0) yield batch;
      throw error;
    }
    if (turn === "aborted") return;
    const read = turn === "linger" || turn.done === true ? [] : turn.value;
    for (const row of read) {
      if (batch.length > 0 && (batch.length >= events || size + row.event.length > bytes)) {
        yield batch;
        batch = [];
        size = 0;
      }
      batch.push(row);
      size += row.event.length + 1;
    }
    const isOver = turn !== "linger" && turn.done === true;
    if (batch.length > 0 && (isOver || turn === "linger" || batch.length >= events)) {
      yield batch;
      batch = [];
      size = 0;
    }
    if (isOver) return;
    if (turn !== "linger") next = advance(rows);
  }
}

function advance(rows: AsyncIterator<readonly Row[]>): Promise<IteratorResult<readonly Row[]>> {
  const next = rows.next();
  // It may fail while a batch is being sent; whoever awaits it afterwards sees that.
  next.catch(() => undefined);
  return next;
}

async function firstOf(next: Promise<Turn>, lingerMs: number | undefined, signal: AbortSignal): Promise<Turn> {
  if (signal.aborted) return "aborted";
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const other = new Promise<Turn>((resolve) => {
    onAbort = () => resolve("aborted");
    signal.addEventListener("abort", onAbort);
    if (lingerMs !== undefined) timer = setTimeout(resolve, lingerMs, "linger");
  });
  try {
    return await Promise.race([next, other]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}
