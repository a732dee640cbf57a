// Decides the limits of a listening socket and how it ends: it stops listening, lets requests finish, then cuts them.
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { AlertCastError } from "../errors.ts";
import type { Task } from "../lifecycle/run-tasks.ts";
import { type Problem, problemBody, statusOf } from "./problem.ts";

export interface HttpServerOptions {
  /** Such as `app.callback()`. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  /** 0 = any free one. */
  readonly port: number;
  /** Default: all addresses. */
  readonly host?: string;
  /** Connections beyond this are closed at once. Default 1024. */
  readonly maxConnections?: number;
  /** How long requests may go on once the server is to end, ms. Default 10,000. */
  readonly drainMs?: number;
  /** For a request's header to arrive, ms. Default 10,000. */
  readonly headersTimeoutMs?: number;
  /** For a whole request to arrive, ms. Default 30,000. */
  readonly requestTimeoutMs?: number;
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  /** Serves until aborted, then drains; rejects if the socket fails. */
  readonly run: Task;
}

const MAX_HEADER_BYTES = 16 * 1024;

/** Listens. Throws `unavailable` if the port cannot be had. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const {
    handler,
    port,
    host,
    maxConnections = 1024,
    drainMs = 10_000,
    headersTimeoutMs = 10_000,
    requestTimeoutMs = 30_000,
  } = options;
  const limits = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: 5_000,
    // Node looks at the two time limits only this often (default 30 s).
    connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
  };
  let draining = false;
  const server = createServer(limits, (request, response) => {
    if (draining) response.setHeader("Connection", "close");
    response.once("close", () => {
      if (draining) server.closeIdleConnections();
    });
    handler(request, response);
  });
  server.maxConnections = maxConnections;
  server.on("clientError", refuseConnection);
  await listen(server, port, host);

  const failed = new Promise<never>((_, reject) => {
    server.on("error", reject);
  });
  failed.catch(() => undefined); // Whoever runs the server sees it; without a runner nobody waits for it.
  const close = async () => {
    draining = true;
    await drain(server, drainMs);
  };
  return {
    port: (server.address() as AddressInfo).port,
    run: async (signal) => {
      await Promise.race([aborted(signal), failed]).finally(close);
    },
    [Symbol.asyncDispose]: close,
  };
}

async function listen(server: Server, port: number, host: string | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new AlertCastError("unavailable", `cannot listen on port ${port}`, { cause })),
    );
    server.listen({ port, host }, resolve);
  });
  server.removeAllListeners("error");
}

async function drain(server: Server, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    // The only error is that it was closed before.
    server.close(() => resolve());
  });
  const deadline = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearTimeout(deadline);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Answers what never became a request: too slow, too large a header, or no HTTP. */
function refuseConnection(error: Error & { code?: string }, socket: Duplex & { bytesWritten?: number }): void {
  // Once something was written it could be half of another answer: then closing is all that can be said.
  if (!socket.writable || socket.bytesWritten !== 0) {
    socket.destroy();
    return;
  }
  const problem = connectionProblem(error.code);
  const body = problemBody(problem);
  const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : statusOf(problem.code);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

function connectionProblem(code: string | undefined): Problem {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return { code: "request-timeout", detail: "Send the header within 10 s and the whole request within 30 s." };
  if (code === "HPE_HEADER_OVERFLOW")
    return { code: "too-large", detail: `The header may have ${MAX_HEADER_BYTES} bytes.` };
  return { code: "invalid", detail: "This is not HTTP/1.1." };
}
