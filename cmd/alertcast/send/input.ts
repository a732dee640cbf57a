// Opens what events are read from: a file or standard input, in chunks as fast as they are taken.
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { messageOf } from "../../../pkg/errors.ts";
import { CommandFailure, EXIT } from "../exit.ts";

export interface Input extends Disposable {
  readonly chunks: AsyncIterable<Buffer>;
  /** Of a file; undefined for what has no end that is known. */
  readonly totalBytes: number | undefined;
  readonly readBytes: () => number;
}

/** About a batch: what was read is shown as progress, and should not run far ahead of what was sent. */
const CHUNK_BYTES = 16 * 1024;

/**
 * @param file undefined = `stdin`
 * @throws CommandFailure usage when the file cannot be read
 */
export async function openInput(file: string | undefined, stdin: NodeJS.ReadableStream): Promise<Input> {
  if (file === undefined) return countedInput(stdin, undefined);
  try {
    const handle = await open(file);
    const stat = await handle.stat();
    return countedInput(handle.createReadStream({ highWaterMark: CHUNK_BYTES }), stat.isFile() ? stat.size : undefined);
  } catch (cause) {
    throw unreadable(cause);
  }
}

function countedInput(stream: NodeJS.ReadableStream, totalBytes: number | undefined): Input {
  let bytes = 0;
  async function* chunks() {
    try {
      for await (const chunk of stream) {
        const buffer = Buffer.from(chunk);
        bytes += buffer.length;
        yield buffer;
      }
    } catch (cause) {
      throw unreadable(cause);
    }
  }
  return {
    chunks: chunks(),
    totalBytes,
    readBytes: () => bytes,
    // An input that stays open (a pipe, a terminal) must not keep the process.
    [Symbol.dispose]: () => {
      (stream as Readable).destroy();
    },
  };
}

function unreadable(cause: unknown): CommandFailure {
  return new CommandFailure(EXIT.usage, messageOf(cause), { cause });
}
