// A TCP proxy in front of a real server that makes the network's faults: hang, reset, delay, a reply that gets lost.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

export interface ProxyOptions {
  readonly targetPort: number;
  readonly targetHost?: string;
}

/** Starts a proxy on a free port of 127.0.0.1. */
export async function tcpProxy({ targetPort, targetHost = "127.0.0.1" }: ProxyOptions): Promise<TcpProxy> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return new TcpProxy(server, () =>
    connect({ port: targetPort, host: targetHost, allowHalfOpen: true, noDelay: true }),
  );
}

export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #faults: Faults = { gate: undefined, delayMs: 0, trap: undefined };

  constructor(server: Server, dial: () => Socket) {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen on a TCP port");
    this.port = address.port;
    this.#server = server;
    server.on("connection", (client) => {
      const connection = new Connection(client, dial(), this.#faults);
      this.#connections.add(connection);
      void connection.ended.finally(() => this.#connections.delete(connection));
    });
  }

  /** How many connections are open through the proxy. */
  get connections(): number {
    return this.#connections.size;
  }

  /** A black hole: from now on nothing passes either way, not even the end of a connection; new ones are accepted and hang too. */
  pause(): void {
    this.#faults.gate ??= Promise.withResolvers<void>();
  }

  /** Ends `pause`; what was held back passes now, in order. */
  resume(): void {
    this.#faults.gate?.resolve();
    this.#faults.gate = undefined;
  }

  /** Resets all open connections, on both sides. New ones are served as before. */
  cut(): void {
    for (const connection of this.#connections) connection.reset();
  }

  /** Holds each chunk of data back for `ms` milliseconds, in both directions; 0 ends it. */
  delay(ms: number): void {
    this.#faults.delayMs = ms;
  }

  /**
   * Once: waits for `pattern` in what one client sends (which is forwarded), drops what the server sends next on that
   * connection and resets it, so that the client cannot know the outcome. For clients that do not pipeline.
   * Resolves when the reply was dropped: await it, to know that the fault really happened.
   */
  dropReplyAfter(pattern: Buffer | string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#faults.trap = { pattern: Buffer.from(pattern), sprung: resolve };
    return promise;
  }

  /** Resets all connections and stops listening. */
  async close(): Promise<void> {
    this.resume();
    this.cut();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface Trap {
  readonly pattern: Buffer;
  readonly sprung: () => void;
}

/** What the proxy does to its connections at this moment. */
interface Faults {
  gate: PromiseWithResolvers<void> | undefined;
  delayMs: number;
  trap: Trap | undefined;
}

class Connection {
  readonly ended: Promise<unknown>;
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #faults: Faults;
  readonly #closed: Promise<unknown>;
  /** The trap whose pattern this connection's client has sent. */
  #armed: Trap | undefined;
  /** The end of what the client sent, where a pattern cut in two may begin. */
  #recent: Buffer = Buffer.alloc(0);

  constructor(client: Socket, target: Socket, faults: Faults) {
    this.#client = client;
    this.#target = target;
    this.#faults = faults;
    this.#closed = Promise.race([closeOf(client), closeOf(target)]);
    this.ended = Promise.all([
      closeOf(client),
      closeOf(target),
      this.#pump(client, target, (chunk) => this.#watch(chunk)),
      this.#pump(target, client, () => this.#spring()),
    ]);
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#target.resetAndDestroy();
  }

  async #pump(from: Socket, to: Socket, lets: (chunk: Buffer) => boolean): Promise<void> {
    try {
      for await (const chunk of from) {
        if (this.#faults.delayMs > 0) await pause(this.#faults.delayMs);
        await this.#open();
        if (!lets(chunk)) return this.reset();
        if (!to.write(chunk)) await Promise.race([once(to, "drain"), this.#closed]);
      }
      await this.#open();
      to.end();
    } catch {
      // One side was reset: so is the other, once it may know.
      await this.#open();
      this.reset();
    }
  }

  async #open(): Promise<void> {
    while (this.#faults.gate && !this.#client.destroyed && !this.#target.destroyed) {
      await Promise.race([this.#faults.gate.promise, this.#closed]);
    }
  }

  #watch(chunk: Buffer): boolean {
    const { trap } = this.#faults;
    if (!trap) return true;
    const seen = Buffer.concat([this.#recent, chunk]);
    this.#recent = seen.subarray(Math.max(0, seen.length - trap.pattern.length + 1));
    if (!seen.includes(trap.pattern)) return true;
    this.#armed = trap;
    this.#faults.trap = undefined;
    return true;
  }

  #spring(): boolean {
    if (!this.#armed) return true;
    this.#armed.sprung();
    return false;
  }
}

function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
    // Errors are met where the socket is read; "close" follows each of them.
    socket.on("error", () => {});
  });
}
