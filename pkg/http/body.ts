// Decides how much of a request's body is read: limits on its raw and inflated size, and on what all requests hold.
import type { IncomingMessage } from "node:http";
import type { Readable, Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { AlertCastError } from "../errors.ts";
import type { ByteLease } from "./byte-budget.ts";

export interface BodyLimits {
  /** As sent. */
  readonly rawBytes: number;
  /** After decompression. */
  readonly inflatedBytes: number;
}

/** What a body gets before its first growth. */
const FIRST_BYTES = 16 * 1024;

/**
 * Reads and inflates (gzip, deflate, br) the whole body. The body must not have been touched before.
 * Throws `too-large` beyond a limit, at once where Content-Length says so; `unsupported-media` for another encoding;
 * `invalid` when it is cut off or does not inflate; `throttled` when the lease cannot hold it.
 */
export async function readBody(request: IncomingMessage, limits: BodyLimits, lease?: ByteLease): Promise<Buffer> {
  const inflater = inflaterOf(request.headers["content-encoding"]);
  const declaredBytes = Number(request.headers["content-length"] ?? 0);
  if (declaredBytes > limits.rawBytes) throw tooLarge(limits.rawBytes);
  lease?.check(declaredBytes);
  // One growing buffer, not a list: a body can come in millions of chunks of one byte.
  let body = Buffer.allocUnsafeSlow(FIRST_BYTES);
  let rawBytes = 0;
  let bytes = 0;
  const countRaw = (chunk: Buffer) => {
    rawBytes += chunk.length;
    if (rawBytes > limits.rawBytes) throw tooLarge(limits.rawBytes);
  };
  const keep = (chunk: Buffer) => {
    const needed = bytes + chunk.length;
    if (needed > limits.inflatedBytes) throw tooLarge(limits.inflatedBytes, " when inflated");
    lease?.grow(needed);
    if (needed > body.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * body.length));
      body.copy(larger, 0, 0, bytes);
      body = larger;
    }
    bytes += chunk.copy(body, bytes);
  };
  await consume(request, inflater, countRaw, keep);
  return body.subarray(0, bytes);
}

/** Feeds the request through `inflater`; rejects with what a callback throws. The connection stays usable: the rest is read and dropped. */
function consume(
  request: IncomingMessage,
  inflater: Transform | undefined,
  onRaw: (chunk: Buffer) => void,
  onChunk: (chunk: Buffer) => void,
): Promise<void> {
  const output: Readable = inflater ?? request;
  return new Promise((resolve, reject) => {
    const guard = (handle: (chunk: Buffer) => void) => (chunk: Buffer) => {
      try {
        handle(chunk);
      } catch (error) {
        finish(error);
      }
    };
    const raw = guard(onRaw);
    const inflated = guard(onChunk);
    const end = () => finish();
    const cutOff = (cause?: unknown) => finish(new AlertCastError("invalid", "the body was cut off", { cause }));
    const close = () => {
      if (!request.readableEnded) cutOff();
    };
    const broken = (cause: unknown) =>
      finish(new AlertCastError("invalid", "the body is not of its Content-Encoding", { cause }));
    const finish = (error?: unknown) => {
      request.off("data", raw).off("close", close);
      output.off("data", inflated).off("end", end);
      if (inflater !== undefined) {
        request.unpipe(inflater);
        inflater.destroy();
      }
      // Errors that come now concern nobody any more, but without a listener they would end the process.
      request.resume();
      if (error === undefined) resolve();
      else reject(error);
    };
    request.on("data", raw).on("error", cutOff).once("close", close);
    output.on("data", inflated).once("end", end);
    inflater?.on("error", broken);
    if (inflater !== undefined) request.pipe(inflater);
  });
}

function inflaterOf(header: string | undefined): Transform | undefined {
  const encoding = (header ?? "identity").trim().toLowerCase();
  if (encoding === "identity" || encoding === "") return undefined;
  if (encoding === "gzip" || encoding === "x-gzip") return createGunzip();
  if (encoding === "deflate") return createInflate();
  if (encoding === "br") return createBrotliDecompress();
  throw new AlertCastError("unsupported-media", "Content-Encoding must be gzip, deflate, br or identity");
}

function tooLarge(limitBytes: number, when = ""): AlertCastError {
  return new AlertCastError("too-large", `the body may have ${limitBytes} bytes${when}; send it in parts`);
}
