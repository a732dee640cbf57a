// What only a process of its own shows: closed pipes, real signals, and that the whole program hangs together.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const DEADLINE_MS = 120_000;

function start(args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN, ...args]);
  // It may end before it has read everything.
  child.stdin.on("error", () => undefined);
  return child;
}

function textOf(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.on("data", (chunk) => {
    text += chunk;
  });
  return () => text;
}

async function run(args: readonly string[]) {
  const child = start(args);
  const [out, err] = [textOf(child.stdout), textOf(child.stderr)];
  child.stdin.end();
  const [code] = await once(child, "close");
  return { code, out: out(), err: err() };
}

test("--version prints the version", { timeout: DEADLINE_MS }, async () => {
  expect(await run(["--version"])).toEqual({ code: 0, out: `${packageJson.version}\n`, err: "" });
});

test("an unknown command is a usage error with the nearest name", { timeout: DEADLINE_MS }, async () => {
  const { code, err } = await run(["snd"]);
  expect(code).toBe(2);
  expect(err).toContain("Did you mean send?");
});

test.each(["standalone", "migrate", "ingestor", "processor", "api", "rules check", "send"])(
  "%s --help has an example",
  { timeout: DEADLINE_MS },
  async (command) => {
    const { code, out } = await run([...command.split(" "), "--help"]);
    expect(code).toBe(0);
    expect(out).toMatch(/Examples?:\n {2}.*alertcast/);
  },
);

test("a service whose environment is malformed ends with 2 and names the variable", {
  timeout: DEADLINE_MS,
}, async () => {
  const child = spawn(process.execPath, [MAIN, "ingestor"], { env: { PATH: process.env.PATH, INGEST_PORT: "none" } });
  const out = textOf(child.stdout);
  const [code] = await once(child, "close");
  expect(code, out()).toBe(2);
  expect(out()).toContain("INGEST_PORT must be");
});

test("a closed pipe ends a command with 0, silently", { timeout: DEADLINE_MS }, async () => {
  const child = start(["send", "--dry-run", "--format", "ndjson"]);
  const err = textOf(child.stderr);
  const ended = once(child, "close");
  child.stdout.once("data", () => child.stdout.destroy());
  const line = `{"device_id":"${"d".repeat(200)}"}\n`;
  const feed = setInterval(() => child.stdin.write(line.repeat(1000)), 5);
  const [code] = await ended;
  clearInterval(feed);
  expect({ code, err: err() }).toEqual({ code: 0, err: "" });
});

test("Ctrl-C ends a sending with 130 and the line to go on from", { timeout: DEADLINE_MS }, async () => {
  let asked = () => {};
  const first = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let release = () => {};
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    asked();
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    response.writeHead(202);
    response.end(JSON.stringify({ accepted: text.trim().split("\n").length, rejected: 0, errors: [] }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const child = start(["send", "--url", url, "--format", "ndjson", "--batch", "2"]);
  const err = textOf(child.stderr);
  const ended = once(child, "close");
  child.stdin.write('{"device_id":"a"}\n'.repeat(10));
  await first;
  child.kill("SIGINT");
  release();
  const [code] = await ended;
  server.close();
  // The signal may come after further batches; however many they were, the count and the line agree.
  const sent = Number(/sent (\d+), accepted \1, rejected 0/.exec(err())?.[1]);
  expect(code, err()).toBe(130);
  expect(err()).toContain(`go on with --from-line ${sent + 1}\n`);
});
