import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type TcpProxy, tcpProxy } from "./proxy.ts";
import { waitFor } from "./wait.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

/** A server that answers each chunk in capitals, and a proxy before it. */
async function shoutingServer(): Promise<{ proxy: TcpProxy; received: string[] }> {
  const received: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received.push(String(chunk));
      socket.write(String(chunk).toUpperCase());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  const proxy = await tcpProxy({ targetPort: address.port });
  cleanUp.push(
    () => server.close(),
    () => proxy.close(),
  );
  return { proxy, received };
}

interface Client {
  readonly socket: Socket;
  readonly heard: () => string;
  /** "end", an error's code, or undefined while open. */
  readonly fate: () => string | undefined;
}

async function client(proxy: TcpProxy): Promise<Client> {
  const socket = connect({ port: proxy.port, host: "127.0.0.1" });
  let heard = "";
  let fate: string | undefined;
  socket.on("data", (chunk) => {
    heard += String(chunk);
  });
  socket.on("end", () => {
    fate ??= "end";
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    fate ??= error.code;
  });
  cleanUp.push(() => socket.destroy());
  await once(socket, "connect");
  return { socket, heard: () => heard, fate: () => fate };
}

const hears = (who: Client, text: string) => waitFor(() => who.heard() === text, { what: `the reply ${text}` });
const isReset = (who: Client) => waitFor(() => who.fate() === "ECONNRESET", { what: "the reset" });

test("data and the end of a connection pass in both directions", async () => {
  const { proxy } = await shoutingServer();
  const caller = await client(proxy);
  caller.socket.write("hello");
  await hears(caller, "HELLO");
  caller.socket.end();
  await waitFor(() => caller.fate() === "end", { what: "the server's end" });
  await waitFor(() => proxy.connections === 0, { what: "the proxy to forget the connection" });
});

test("a large transfer arrives whole and in order", async () => {
  const { proxy, received } = await shoutingServer();
  const caller = await client(proxy);
  const text = Array.from({ length: 200_000 }, (_, i) => `line ${i}`).join("\n");
  caller.socket.write(text);
  await waitFor(() => caller.heard().length === text.length, { what: "the whole reply" });
  expect(received.join("") === text).toBe(true);
  expect(caller.heard() === text.toUpperCase()).toBe(true);
});

test("while paused nothing reaches the server, on old and new connections; afterwards all of it does", async () => {
  const { proxy, received } = await shoutingServer();
  const before = await client(proxy);
  before.socket.write("one");
  await hears(before, "ONE");
  proxy.pause();
  before.socket.write("two");
  const during = await client(proxy);
  during.socket.write("three");
  await waitFor(() => before.socket.bytesWritten === 6 && during.socket.bytesWritten === 5, { what: "both writes" });
  expect(received).toEqual(["one"]);
  expect(before.fate()).toBeUndefined();
  proxy.resume();
  await hears(before, "ONETWO");
  await hears(during, "THREE");
});

test("a cut resets the open connections and serves new ones", async () => {
  const { proxy } = await shoutingServer();
  const victim = await client(proxy);
  victim.socket.write("hello");
  await hears(victim, "HELLO");
  proxy.cut();
  await isReset(victim);
  const next = await client(proxy);
  next.socket.write("again");
  await hears(next, "AGAIN");
});

test("a paused connection can be cut", async () => {
  const { proxy, received } = await shoutingServer();
  const victim = await client(proxy);
  proxy.pause();
  victim.socket.write("held back");
  await waitFor(() => proxy.connections === 1, { what: "the connection" });
  proxy.cut();
  await isReset(victim);
  await waitFor(() => proxy.connections === 0, { what: "the proxy to forget the connection" });
  expect(received).toEqual([]);
});

test("delayed data arrives all the same, in order", async () => {
  const { proxy } = await shoutingServer();
  const caller = await client(proxy);
  proxy.delay(5);
  for (const word of ["a", "b", "c"]) caller.socket.write(word);
  await hears(caller, "ABC");
});

test("the reply after a pattern is dropped and the connection reset, although the server did the work", async () => {
  const { proxy, received } = await shoutingServer();
  const caller = await client(proxy);
  const bystander = await client(proxy);
  const dropped = proxy.dropReplyAfter("commit");
  caller.socket.write("begin;");
  await hears(caller, "BEGIN;");
  // The pattern counts also when it arrives in two pieces.
  caller.socket.write("com");
  await hears(caller, "BEGIN;COM");
  caller.socket.write("mit");
  await dropped;
  await isReset(caller);
  expect(caller.heard()).toBe("BEGIN;COM");
  expect(received.join("")).toBe("begin;commit");
  bystander.socket.write("commit");
  await hears(bystander, "COMMIT");
});

test("a server that refuses connections is seen as a reset", async () => {
  const { proxy: closed } = await shoutingServer();
  await closed.close();
  const proxy = await tcpProxy({ targetPort: closed.port });
  cleanUp.push(() => proxy.close());
  const caller = await client(proxy);
  await isReset(caller);
});
