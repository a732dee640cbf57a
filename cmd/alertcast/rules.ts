// `alertcast rules check`: says what is wrong with rule files before a service has to.
import { createReadStream } from "node:fs";
import { type Command, Option } from "commander";
import { messageOf } from "../../pkg/errors.ts";
import type { RuleFileError } from "../../pkg/rule/model.ts";
import { MAX_FILE_BYTES, parseRuleFile } from "../../pkg/rule/rule-file.ts";
import { unsupportedKeys } from "../../pkg/rule/supported.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { visible, write } from "./terminal.ts";

/** The streams of the process, so that tests can bring their own. */
export interface Streams {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** What was found in one file. */
type Finding =
  | { readonly file: string; readonly ok: true; readonly rules: number }
  | { readonly file: string; readonly ok: false; readonly errors: readonly RuleFileError[] }
  | { readonly file: string; readonly ok: false; readonly unreadable: string };

const EXAMPLES = `
Examples:
  alertcast rules check rules.yaml
  alertcast rules check rules/*.yaml
  kubectl get configmap rules -o jsonpath='{.data.rules\\.yaml}' | alertcast rules check -
  alertcast rules check rules.yaml -o json | jq '.[].errors[]'

Exit codes: 0 all can be run, 1 something is wrong in a file, 2 a file cannot be read`;

/** Adds `rules check`. */
export function addRules(program: Command, streams: Streams = process): void {
  const rules = program.command("rules").description("work with rule files");
  rules
    .command("check")
    .description("check rule files: syntax, keys, expressions, and whether this version can run them")
    .argument("<file...>", "rule files, YAML or JSON; - is standard input")
    .addOption(new Option("-o, --output <form>", "how to print").choices(["text", "json"]).default("text"))
    .addHelpText("after", EXAMPLES)
    .action(async (files: readonly string[], options: { output: string }) => {
      const findings: Finding[] = [];
      for (const file of files) findings.push(await check(file, streams.stdin));
      if (options.output === "json") await write(streams.stdout, `${JSON.stringify(findings, undefined, 2)}\n`);
      else for (const finding of findings) await print(finding, streams);
      if (findings.some((finding) => "unreadable" in finding)) throw new CommandFailure(EXIT.usage, "");
      if (findings.some((finding) => !finding.ok)) throw new CommandFailure(EXIT.failed, "");
    });
}

async function check(name: string, stdin: NodeJS.ReadableStream): Promise<Finding> {
  const file = name === "-" ? "stdin" : name;
  let text: string;
  try {
    text = await readBounded(name === "-" ? stdin : createReadStream(name));
  } catch (error) {
    return { file, ok: false, unreadable: messageOf(error) };
  }
  const result = parseRuleFile(text);
  const errors = result.ok ? unsupportedKeys(result.ruleSet) : result.errors;
  if (result.ok && errors.length === 0) return { file, ok: true, rules: result.ruleSet.rules.length };
  return { file, ok: false, errors };
}

/** All of it, or as much as shows that it is too large. */
async function readBounded(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk);
    chunks.push(buffer);
    bytes += buffer.length;
    if (bytes > MAX_FILE_BYTES) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function print(finding: Finding, { stdout, stderr }: Streams): Promise<void> {
  const file = visible(finding.file);
  if (finding.ok) {
    await write(stdout, `${file}: ok, ${finding.rules} ${finding.rules === 1 ? "rule" : "rules"}\n`);
    return;
  }
  const lines = "errors" in finding ? finding.errors.map(errorLine) : [finding.unreadable];
  for (const line of lines) await write(stderr, `${file}: ${visible(line)}\n`);
}

/** `path: message (did you mean X?) [code]`; the messages of the rule reader say path and suggestion themselves. */
function errorLine({ path, code, message, suggestion }: RuleFileError): string {
  // Of the whole file (path "") the reader says itself what it speaks of.
  const said = path === "" || message.startsWith(`${path}: `) ? message : `${path}: ${message}`;
  if (suggestion === undefined) return `${said} [${code}]`;
  return `${said.replace(`; did you mean ${suggestion}?`, "")} (did you mean ${suggestion}?) [${code}]`;
}
