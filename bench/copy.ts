// PostgreSQL's COPY through the ordinary driver, as the yardstick for writing tickets.
import pg from "pg";
import type { DatabaseAddress } from "./worker/pipeline.ts";

/** What the driver's connection can do that its types do not say. */
interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** One COPY as the driver's client wants to be handed a query. */
class Copy {
  readonly done: Promise<Buffer>;
  readonly #text: string;
  readonly #input: Buffer;
  readonly #output: Buffer[] = [];
  readonly #resolve: (output: Buffer) => void;
  readonly #reject: (error: Error) => void;

  constructor(text: string, input: Buffer) {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#text = text;
    this.#input = input;
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#text);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    const chunkBytes = 1024 * 1024;
    for (let at = 0; at < this.#input.length; at += chunkBytes)
      connection.sendCopyFromChunk(this.#input.subarray(at, at + chunkBytes));
    connection.endCopyFrom();
  }

  handleCopyData(message: { readonly chunk: Buffer }): void {
    // The driver reads the next bytes into the same buffer.
    this.#output.push(Buffer.from(message.chunk));
  }

  handleCommandComplete(): void {}

  handleError(error: Error): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve(Buffer.concat(this.#output));
  }
}

/** Runs `COPY ... FROM STDIN` with `input`, or `COPY ... TO STDOUT` and returns its output. */
export async function copy(
  database: DatabaseAddress,
  text: string,
  input: Buffer = Buffer.alloc(0),
): Promise<{ readonly output: Buffer; readonly ms: number }> {
  const { host, port, user, password, database: name } = database;
  const client = new pg.Client({ host, port, user, password, database: name });
  await client.connect();
  try {
    const startedMs = performance.now();
    const run = new Copy(text, input);
    client.query(run);
    const output = await run.done;
    return { output, ms: performance.now() - startedMs };
  } finally {
    await client.end();
  }
}
