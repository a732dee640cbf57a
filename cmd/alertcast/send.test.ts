// `send` in this process, against a small HTTP server; time and signals are the test's own.
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { runCommands } from "./exit.ts";
import { createProgram } from "./program.ts";
import { addSend } from "./send.ts";

interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** Answers the n-th request, from 0; undefined = all taken. May answer later. */
type Answering = (lines: readonly string[], n: number) => Reply | undefined | Promise<Reply | undefined>;

let answering: Answering;
let requests: string[][];
let url = "";
let folder = "";
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString("utf8").trimEnd().split("\n");
  requests.push(lines);
  const reply = (await answering(lines, requests.length - 1)) ?? { status: 202, body: taken(lines.length) };
  response.writeHead(reply.status, reply.headers);
  response.end(typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body ?? {}));
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "alertcast-send-"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  requests = [];
  answering = () => undefined;
});
afterEach(() => {
  requests = [];
});

const taken = (accepted: number) => ({ accepted, rejected: 0, errors: [] });

async function startServer(listener: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const other = createServer(listener);
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  const close = async () => {
    other.close();
    other.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(other.address() as AddressInfo).port}`, [Symbol.asyncDispose]: close };
}

class FakeSignals extends EventEmitter {
  exit(): void {}
}

/** Runs the command with this standard input; sleeping takes no time but moves the clock. */
async function send(args: readonly string[], input: string | PassThrough = "", signals = new FakeSignals()) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const stdin = typeof input === "string" ? new PassThrough().end(input) : input;
  const sleeps: number[] = [];
  let nowMs = 0;
  const world = {
    stdin,
    stdout,
    stderr,
    signals,
    elapsedMs: () => nowMs,
    sleep: async (ms: number) => {
      sleeps.push(ms);
      nowMs += ms;
    },
  };
  const program = createProgram().configureOutput({ writeErr: (text) => stderr.write(text) });
  addSend(program, world);
  const code = await runCommands(program, ["node", "alertcast", "send", "--url", url, ...args], stderr);
  const text = (stream: PassThrough) => String(stream.read() ?? "");
  return { code, out: text(stdout), err: text(stderr), sleeps };
}

const events = (count: number) => Array.from({ length: count }, (_, i) => `{"device_id":"d${i + 1}"}`);
const NDJSON = ["--format", "ndjson"];

test("a 503 is waited out as long as it asks, and the same bytes are sent again before any later event", async () => {
  answering = (_, n) => (n === 1 || n === 2 ? { status: 503, headers: { "Retry-After": "7" } } : undefined);
  const lines = events(4);
  const { code, sleeps, err } = await send([...NDJSON, "--batch", "2"], lines.join("\n"));
  expect(code).toBe(0);
  expect(sleeps).toEqual([7000, 7000]);
  expect(requests).toEqual([lines.slice(0, 2), lines.slice(2), lines.slice(2), lines.slice(2)]);
  expect(err).toContain("answers 503; the same events are sent again in 7.0 s");
  expect(err).toContain("sent 4, accepted 4, rejected 0, retried 2 in 14.0 s");
});

test("a Retry-After that is a date is read against the server's clock", async () => {
  const headers = { Date: "Mon, 05 Jan 2026 00:00:00 GMT", "Retry-After": "Mon, 05 Jan 2026 00:00:03 GMT" };
  answering = (_, n) => (n === 0 ? { status: 429, headers } : undefined);
  expect(await send(NDJSON, events(1)[0])).toMatchObject({ code: 0, sleeps: [3000] });
});

test("a connection that breaks is tried again with growing pauses, and the same bytes are sent", async () => {
  const bodies: string[] = [];
  await using breaking = await startServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    bodies.push(text);
    if (bodies.length < 4) request.socket.destroy();
    else response.writeHead(202).end(JSON.stringify(taken(2)));
  });
  const { code, err, sleeps } = await send([...NDJSON, "--url", breaking.url], events(2).join("\n"));
  expect(code, err).toBe(0);
  expect(bodies).toEqual(Array(4).fill(`${events(2).join("\n")}\n`));
  expect(sleeps).toHaveLength(3);
  for (const [i, ms] of sleeps.entries()) {
    expect(ms).toBeGreaterThanOrEqual(250 * 2 ** i);
    expect(ms).toBeLessThanOrEqual(500 * 2 ** i);
  }
  expect(err).toContain("sent 2, accepted 2, rejected 0, retried 3");
});

test("a port that HTTP never connects to is a usage error, not waited for", async () => {
  const { code, err, sleeps } = await send([...NDJSON, "--url", "http://127.0.0.1:6000"], events(1)[0]);
  expect({ code, sleeps }).toEqual({ code: 2, sleeps: [] });
  expect(err).toContain("port 6000 is closed to HTTP clients");
});

test("it gives up within the bound with 7 and says the line to go on from", async () => {
  answering = (_, n) =>
    n === 0 ? undefined : { status: 503, headers: { "Retry-After": "20" }, body: { detail: "no log" } };
  const { code, err, sleeps } = await send([...NDJSON, "--batch", "3", "--give-up-after", "1m"], events(5).join("\n"));
  expect(code).toBe(7);
  expect(sleeps).toEqual([20_000, 20_000, 20_000]);
  expect(err).toContain("503: no log");
  expect(err).toContain("go on with --from-line 4");
});

test("an ingestor that asks to wait beyond the bound is not waited for", async () => {
  answering = () => ({ status: 503, headers: { "Retry-After": "3600" } });
  const { code, err, sleeps } = await send(NDJSON, events(1)[0]);
  expect({ code, sleeps }).toEqual({ code: 7, sleeps: [] });
  expect(err).toContain("it asks to wait 3600 s");
});

test("refused events are named by their lines, blank lines counted, and the others are taken", async () => {
  const error = { index: 1, code: "wrong-type", field: "temperature", message: "temperature must be a number" };
  answering = () => ({ status: 202, body: { accepted: 1, rejected: 1, errors: [error] } });
  const { code, err } = await send(NDJSON, '{"device_id":"a"}\n\n\n{"device_id":"b","temperature":"x"}\n');
  expect(code).toBe(6);
  expect(err).toContain("line 4: temperature: temperature must be a number\n");
  expect(err).toContain("sent 2, accepted 1, rejected 1, retried 0");
});

test("a batch in which nothing is valid does not end the sending", async () => {
  const error = { index: 0, code: "invalid-json", field: "", message: "the value is not one JSON document" };
  answering = (_, n) => (n === 0 ? { status: 400, body: { accepted: 0, rejected: 1, errors: [error] } } : undefined);
  const { code, err } = await send([...NDJSON, "--batch", "1"], `nonsense\n${events(1)[0]}`);
  expect(code).toBe(6);
  expect(err).toContain("line 1: the value is not one JSON document\n");
  expect(err).toContain("sent 2, accepted 1, rejected 1");
});

test("the first 20 errors are shown and the others counted", async () => {
  const bad = Array.from({ length: 50 }, (_, i) => `d,x${i}`).join("\n");
  const { code, err } = await send(["--format", "csv"], `device_id,temperature\n${bad}\nd,1\n`);
  expect(code).toBe(6);
  expect(err.match(/^line \d+: temperature: /gm)).toHaveLength(20);
  expect(err).toContain("and 30 more rejected\n");
  expect(err).toContain("sent 1, accepted 1, rejected 50");
});

test("a request that a proxy finds too large is sent in halves, in order", async () => {
  answering = (lines) => (lines.length > 2 ? { status: 413, body: "<html>too large" } : undefined);
  const lines = events(7);
  const { code, err } = await send(NDJSON, lines.join("\n"));
  expect(code).toBe(0);
  expect(requests.filter((sent) => sent.length <= 2).flat()).toEqual(lines);
  expect(err).toContain("sent 7, accepted 7");
});

test("an event that is too large alone is an error of its line", async () => {
  answering = (lines) => (lines.some((line) => line.includes("d2")) ? { status: 413, body: "" } : undefined);
  const { code, err } = await send(NDJSON, events(3).join("\n"));
  expect(code).toBe(6);
  expect(err).toContain("line 2: the event is too large");
  expect(err).toContain("sent 3, accepted 2, rejected 1");
});

test.each([
  [404, 3],
  [401, 4],
  [403, 4],
  [415, 1],
  [301, 1],
  [200, 1],
])("status %i ends the sending with %i: it would be the same the next time", async (status, exit) => {
  answering = () => ({ status, body: "<html>", headers: { Location: "/elsewhere" } });
  const { code, err, sleeps } = await send(NDJSON, events(1)[0]);
  expect({ code, sleeps, requests: requests.length }).toEqual({ code: exit, sleeps: [], requests: 1 });
  expect(err).toContain(`answers ${status}`);
});

test("an answer that does not account for every event is not taken for one", async () => {
  answering = () => ({ status: 202, body: taken(1) });
  expect((await send(NDJSON, events(2).join("\n"))).code).toBe(1);
});

test("--rate spreads the events: never more in a request than a second holds, and a pause for each", async () => {
  const { code, sleeps } = await send([...NDJSON, "--rate", "2"], events(5).join("\n"));
  expect(code).toBe(0);
  expect(requests.map((lines) => lines.length)).toEqual([2, 2, 1]);
  expect(sleeps).toEqual([1000, 1000]);
});

test("--from-line goes on where another run ended, with the same event ids", async () => {
  await send([...NDJSON, "--event-id-prefix", "run"], events(4).join("\n"));
  const whole = requests.flat();
  requests = [];
  await send([...NDJSON, "--event-id-prefix", "run", "--from-line", "3"], events(4).join("\n"));
  expect(requests.flat()).toEqual(whole.slice(2));
  expect(whole[3]).toBe('{"device_id":"d4","event_id":"run-4"}');
});

test("an interrupt lets the batch in flight be answered, sends no other, and says the line to go on from", async () => {
  const signals = new FakeSignals();
  answering = (_, n) => {
    if (n === 1) signals.emit("SIGINT");
    return undefined;
  };
  const { code, err } = await send([...NDJSON, "--batch", "10"], events(100).join("\n"), signals);
  expect(code).toBe(130);
  expect(requests).toHaveLength(2);
  expect(err).toContain("sent 20, accepted 20");
  expect(err).toContain("go on with --from-line 21");
});

test("an interrupt while an ingestor is waited for ends at once, and the batch is sent again by the next run", async () => {
  const signals = new FakeSignals();
  answering = () => {
    signals.emit("SIGINT");
    return { status: 503, headers: { "Retry-After": "1" } };
  };
  const { code, err } = await send(NDJSON, events(3).join("\n"), signals);
  expect(code).toBe(130);
  expect(requests).toHaveLength(1);
  expect(err).toContain("go on with --from-line 1");
});

test("an interrupt ends a command whose input gives nothing and stays open", async () => {
  const signals = new FakeSignals();
  const input = new PassThrough();
  input.write(`${events(1)[0]}\n`);
  answering = () => {
    setImmediate(() => signals.emit("SIGTERM"));
    return undefined;
  };
  const { code, err } = await send(NDJSON, input, signals);
  expect(code).toBe(130);
  expect(err).toContain("go on with --from-line 2");
  expect(input.destroyed).toBe(true);
});

test("a dry run sends nothing, prints the events, and says what the ingestor would refuse", async () => {
  const csv = "device_id,temperature,region\na,1.50,eu\n,2,eu\nc,x,eu\n";
  const { code, out, err } = await send(["--format", "csv", "--dry-run", "--event-id-prefix", "p"], csv);
  expect(code).toBe(6);
  expect(requests).toEqual([]);
  expect(out).toBe(
    '{"device_id":"a","temperature":1.50,"region":"eu","event_id":"p-2"}\n{"temperature":2,"region":"eu","event_id":"p-3"}\n',
  );
  expect(err).toContain("line 3: device_id: device_id is missing\n");
  expect(err).toContain('line 4: temperature: "x" is not a number\n');
  expect(err).toContain("nothing was sent");
});

test("a missing --ts-zone is found before anything is sent", async () => {
  const path = join(folder, "local.csv");
  await writeFile(path, "device_id,ts\na,2026-01-01 10:00:00\n");
  const { code, err } = await send([path]);
  expect(code).toBe(2);
  expect(requests).toEqual([]);
  expect(err).toContain("error: line 2: ts");
  expect(err).toContain("--ts-zone UTC");
});

test("text of the file cannot drive the terminal", async () => {
  const { err } = await send(["--format", "csv"], "device_id,temperature\na,\u001b[2J\u202e9\n");
  expect(err).toContain("\\u001b[2J");
  for (const driving of ["\u001b", "\u202e"]) expect(err).not.toContain(driving);
});

test.each([
  [["events.txt"], "it is not clear what events.txt holds"],
  [[], "it is not clear what standard input holds"],
  [[...NDJSON, "--map", "ts=time", "--ts-zone", "UTC"], "--map, --ts-zone: only for CSV"],
  [["--format", "csv", "--map", "status=s", "--set", "status=online"], "status has both --map and --set"],
  [["--format", "csv", "--set", "temperature=hot"], '--set temperature=hot: "hot" is not a number'],
  [["--format", "csv", "--set", "ts=2026-01-01 00:00:00"], "has no time zone"],
  [["--format", "csv", "--map", "ts"], "It must be FIELD=VALUE."],
  [["--format", "csv", "--map", "ts=a", "--map", "ts=b"], "ts is given twice."],
  [["--format", "csv", "--ts-zone", "CET"], "It must be UTC or an offset"],
  [["--format", "xml"], "Allowed choices are ndjson, csv."],
  [["--rate", "0"], "above 0"],
  [["--batch", "0"], "from 1 to 1000"],
  [["--from-line", "1.5"], "whole number"],
  [["--give-up-after", "5 minutes"], "a duration such as"],
  [["--url", "ftp://host"], "a web address"],
  [["none.ndjson"], "ENOENT"],
  [["--frmat", "csv"], "unknown option '--frmat'"],
])("send %j is a usage error", async (args, message) => {
  const { code, err } = await send(args);
  expect({ code, requests }).toEqual({ code: 2, requests: [] });
  expect(err).toContain(message);
});
