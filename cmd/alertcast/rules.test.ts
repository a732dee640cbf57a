import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommands } from "./exit.ts";
import { createProgram } from "./program.ts";
import { addRules } from "./rules.ts";

const GOOD = "apiVersion: alertcast/v1\nrules: [{id: a, severity: low, when: event.x > 1}]\n";
const BAD = "apiVersion: alertcast/v1\nrules: [{id: a, severty: low, when: 'event.x >'}]\n";
const LATER = "apiVersion: alertcast/v1\nrules: [{id: a, severity: low, absent: 5m}]\n";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "alertcast-rules-"));
  await writeFile(join(folder, "good.yaml"), GOOD);
  await writeFile(join(folder, "bad.yaml"), BAD);
  await writeFile(join(folder, "later.yaml"), LATER);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function check(args: readonly string[], input = "") {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const program = createProgram().configureOutput({ writeErr: (text) => stderr.write(text) });
  addRules(program, { stdin: new PassThrough().end(input), stdout, stderr });
  const files = args.map((arg) => (arg.endsWith(".yaml") ? join(folder, arg) : arg));
  const code = await runCommands(program, ["node", "alertcast", "rules", "check", ...files], stderr);
  const text = (stream: PassThrough) => String(stream.read() ?? "").replaceAll(`${folder}/`, "");
  return { code, out: text(stdout), err: text(stderr) };
}

test("each file has its own verdict: good ones on stdout, one error a line on stderr", async () => {
  expect(await check(["good.yaml", "bad.yaml"])).toEqual({
    code: 1,
    out: "good.yaml: ok, 1 rule\n",
    err: [
      "bad.yaml: rules[0].severty: there is no such key (did you mean severity?) [unknown-key]\n",
      "bad.yaml: rules[0].when: expected a value, found the end (character 10) [bad-expression]\n",
      "bad.yaml: rules[0].severity: is required [missing-key]\n",
    ].join(""),
  });
});

test("- is standard input", async () => {
  expect(await check(["-"], GOOD)).toEqual({ code: 0, out: "stdin: ok, 1 rule\n", err: "" });
});

test("what this version cannot run yet is an error that says so", async () => {
  const { code, err } = await check(["later.yaml"]);
  // It may come to be run; then it is no error, but it is never silently something else.
  if (code === 0) return;
  expect({ code, err }).toEqual({
    code: 1,
    err: "later.yaml: rules[0].absent: this version cannot run it yet [unsupported]\n",
  });
});

test("a file that cannot be read is 2, whatever the others are", async () => {
  const { code, err, out } = await check(["none.yaml", "good.yaml", "bad.yaml"]);
  expect(code).toBe(2);
  expect(err).toContain("none.yaml: ENOENT");
  expect(out).toContain("good.yaml: ok");
});

test("-o json is one document with every finding, with the same exit code", async () => {
  const { code, out, err } = await check(["-o", "json", "good.yaml", "bad.yaml"]);
  expect({ code, err }).toEqual({ code: 1, err: "" });
  expect(JSON.parse(out)).toMatchObject([
    { ok: true, rules: 1 },
    { ok: false, errors: [{ path: "rules[0].severty", code: "unknown-key", suggestion: "severity" }, {}, {}] },
  ]);
});

test("of a file beyond the limit no more is read than shows it", async () => {
  const { code, err } = await check(["-"], "#".repeat(400 * 1024));
  expect(code).toBe(1);
  expect(err).toBe("stdin: the rule file: has more than 256 KiB [limit]\n");
});

test("no file is a usage error", async () => {
  expect((await check([])).code).toBe(2);
});
