// The command line as a person runs it: spawned, its exit code and what it says.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const OFFICE = fileURLToPath(
  new URL("../../../shared/data/nab/ambient_temperature_system_failure.csv", import.meta.url),
);
const DEADLINE_MS = 120_000;

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function alertcast(args: readonly string[], input = ""): Promise<Ran> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN, ...args]);
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
  });
  child.stdin.end(input);
  const [code] = await once(child, "close");
  return { code, out, err };
}

interface Door extends AsyncDisposable {
  readonly url: string;
  /** Lines of the requests that were answered 202. */
  readonly lines: string[];
}

/** An ingestor's door that answers what `answer` says, 202 with all accepted by default. */
async function door(
  answer: (lines: readonly string[], n: number) => { status: number; body: object } | undefined = () => undefined,
): Promise<Door> {
  const lines: string[] = [];
  let n = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const sent = Buffer.concat(chunks)
        .toString("utf8")
        .split("\n")
        .filter((line) => line !== "");
      const wanted = answer(sent, n++) ?? { status: 202, body: { accepted: sent.length, rejected: 0, errors: [] } };
      if (wanted.status === 202) lines.push(...sent);
      response.writeHead(wanted.status, { "content-type": "application/json", "retry-after": "0" });
      response.end(JSON.stringify(wanted.body));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, lines, [Symbol.asyncDispose]: close };
}

/** An address at which nobody listens any more. */
async function closedUrl(): Promise<string> {
  const { url, [Symbol.asyncDispose]: close } = await door();
  await close();
  return url;
}

if (!existsSync(OFFICE)) console.warn("\n*** SKIPPED: sending a real series: shared/data/nab is not there ***\n");

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "alertcast-cli-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const file = async (name: string, text: string) => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

describe("rules check", { timeout: DEADLINE_MS }, () => {
  it("says of a good file that it is good", async () => {
    const path = await file(
      "good.yaml",
      "apiVersion: alertcast/v1\nrules: [{id: a, severity: low, when: event.x > 1}]\n",
    );
    const ran = await alertcast(["rules", "check", path]);
    expect(ran.out).toContain("ok, 1 rule");
    expect(ran.code).toBe(0);
  });

  it("names every error of a bad file with its place and a suggestion, and exits with 1", async () => {
    const path = await file(
      "bad.yaml",
      "apiVersion: alertcast/v1\nrules: [{id: a, sevrity: low, when: 'event.x >'}]\n",
    );
    const ran = await alertcast(["rules", "check", path]);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain("rules[0].sevrity");
    expect(ran.err).toContain("severity?");
    expect(ran.err).toContain("rules[0].when");
  });

  it("says of what this version cannot run yet that it cannot", async () => {
    const path = await file("later.yaml", "apiVersion: alertcast/v1\nrules: [{id: a, severity: low, absent: 5m}]\n");
    const ran = await alertcast(["rules", "check", path]);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain("absent");
  });

  it("exits with 2 for a file that cannot be read", async () => {
    expect((await alertcast(["rules", "check", join(folder, "none.yaml")])).code).toBe(2);
  });
});

describe("send", { timeout: DEADLINE_MS }, () => {
  it("sends NDJSON from standard input in order", async () => {
    await using target = await door();
    const lines = Array.from({ length: 25 }, (_, i) => JSON.stringify({ device_id: `d${i}` }));
    const ran = await alertcast(["send", "--url", target.url, "--batch", "10", "--format", "ndjson"], lines.join("\n"));
    expect(ran.code, ran.err).toBe(0);
    expect(target.lines).toEqual(lines);
    expect(ran.err).toContain("accepted 25");
  });

  it("sends a batch again, the same bytes, while the ingestor cannot take it", async () => {
    await using target = await door((_, n) => (n < 2 ? { status: 503, body: {} } : undefined));
    const ran = await alertcast(
      ["send", "--url", target.url, "--format", "ndjson"],
      '{"device_id":"a","event_id":"1"}\n',
    );
    expect(ran.code, ran.err).toBe(0);
    expect(target.lines).toEqual(['{"device_id":"a","event_id":"1"}']);
    expect(ran.err).toContain("retried 2");
  });

  it("names the lines that were refused, goes on, and exits with 6", async () => {
    const refusal = { index: 1, code: "wrong-type", field: "temperature", message: "temperature must be a number" };
    await using target = await door(() => ({ status: 202, body: { accepted: 1, rejected: 1, errors: [refusal] } }));
    const input = '{"device_id":"a"}\n{"device_id":"b","temperature":"x"}\n';
    const ran = await alertcast(["send", "--url", target.url, "--format", "ndjson"], input);
    expect(ran.code).toBe(6);
    expect(ran.err).toContain("line 2");
    expect(ran.err).toContain("temperature");
  });

  it("exits with 7 when nobody answers", async () => {
    const args = ["send", "--url", await closedUrl(), "--give-up-after", "1s", "--format", "ndjson"];
    const ran = await alertcast(args, '{"device_id":"a"}\n');
    expect(ran.code, ran.err).toBe(7);
    expect(ran.err).toContain("ECONNREFUSED");
    expect(ran.err).toContain("go on with --from-line 1");
  });

  it("maps the columns of a CSV file, and never guesses a time's zone", async () => {
    await using target = await door();
    const path = await file("readings.csv", '\ufeffwhen,"sensor, id",value\r\n2026-01-01 10:00:00,"a ""1""",81.5\r\n');
    const mapped = ["--map", "ts=when", "--map", "device_id=sensor, id", "--map", "temperature=value"];
    const args = ["send", path, "--url", target.url, ...mapped, "--set", "status=online"];
    const guessed = await alertcast(args);
    expect(guessed.code).not.toBe(0);
    expect(guessed.err).toContain("--ts-zone");
    const ran = await alertcast([...args, "--ts-zone", "+01:00", "--event-id-prefix", "r"]);
    expect(ran.code, ran.err).toBe(0);
    expect(target.lines.map((line) => JSON.parse(line))).toEqual([
      {
        device_id: 'a "1"',
        status: "online",
        temperature: 81.5,
        ts: "2026-01-01T10:00:00+01:00",
        event_id: "r-2",
      },
    ]);
    const unknown = await alertcast(["send", path, "--url", target.url, "--map", "ts=nowhere"]);
    expect(unknown.code).toBe(2);
    expect(unknown.err).toContain("sensor, id");
  });

  it.skipIf(!existsSync(OFFICE))("sends a real series of 7,267 readings", async () => {
    await using target = await door();
    const mapped = ["--map", "ts=timestamp", "--map", "temperature=value", "--ts-zone", "UTC"];
    const fixed = ["--set", "device_id=office", "--set", "status=online"];
    const ran = await alertcast(["send", OFFICE, "--url", target.url, ...mapped, ...fixed]);
    expect(ran.code, ran.err).toBe(0);
    expect(ran.err).toContain("sent 7267, accepted 7267, rejected 0, retried 0 in ");
    // Every reading of the file, in its order, with its digits.
    const [, ...readings] = (await readFile(OFFICE, "utf8")).trimEnd().split(/\r?\n/);
    expect(readings).toHaveLength(7267);
    expect(target.lines).toEqual(
      readings.map((reading) => {
        const [time = "", value] = reading.split(",");
        return `{"ts":"${time.replace(" ", "T")}Z","temperature":${value},"device_id":"office","status":"online"}`;
      }),
    );
  });
});
