// Runs one of AlertCast's own programs as a process of its own, with its log lines at hand, and never leaves it behind.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { guardProcessGroup } from "./orphan-guard.ts";
import { waitFor } from "./wait.ts";

export interface SpawnOptions {
  /** Path from the top folder, such as `cmd/processor/main.ts`. */
  readonly entry: string;
  readonly args?: readonly string[];
  /** The environment, on top of PATH, HOME and TMPDIR; nothing else of ours is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** What error messages call it. */
  readonly name: string;
}

export interface ServiceExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnedService extends AsyncDisposable {
  readonly pid: number;
  /** Sends a signal (SIGTERM unless told; SIGSTOP, SIGCONT, SIGKILL work too). Harmless once it has exited. */
  kill(signal?: NodeJS.Signals): void;
  readonly exited: Promise<ServiceExit>;
  /** The newest lines of standard output and standard error, oldest first; at most 10,000. */
  logs(): string[];
  /** The first line that contains `wanted` or for which it is true; throws when the process exits without it. */
  waitForLog(wanted: string | ((line: string) => boolean), options?: { readonly deadlineMs?: number }): Promise<string>;
}

const ROOT = join(import.meta.dirname, "..", "..");
const KEPT_LINES = 10_000;
const LINES_IN_ERRORS = 30;

/** Starts a program; disposing the handle kills it. It is also killed when the test runner dies. */
export async function spawnService(options: SpawnOptions): Promise<SpawnedService> {
  const child = spawn(process.execPath, [options.entry, ...(options.args ?? [])], {
    cwd: ROOT,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...inherited(), ...options.env },
  });
  const lines: string[] = [];
  keepLines(child.stdout, lines);
  keepLines(child.stderr, lines);
  const exited = exitOf(child);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.name} could not be started: ${(await exited).code}`);
  const guard = guardProcessGroup(pid);
  const kill = (signal: NodeJS.Signals = "SIGTERM") => {
    child.kill(signal);
  };
  return {
    pid,
    kill,
    exited,
    logs: () => [...lines],
    waitForLog: (wanted, { deadlineMs } = {}) => waitForLine({ child, lines, wanted, name: options.name, deadlineMs }),
    [Symbol.asyncDispose]: async () => {
      kill("SIGKILL");
      await exited;
      guard.dismiss();
    },
  };
}

function inherited(): Record<string, string> {
  const names = ["PATH", "HOME", "TMPDIR"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

function keepLines(stream: Readable, lines: string[]): void {
  createInterface({ input: stream }).on("line", (line) => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
  });
}

// "close" comes after the last line of output, "exit" may come before it.
function exitOf(child: ChildProcess): Promise<ServiceExit> {
  return new Promise((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
}

interface LineWait {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
  readonly wanted: string | ((line: string) => boolean);
  readonly name: string;
  readonly deadlineMs: number | undefined;
}

async function waitForLine({ child, lines, wanted, name, deadlineMs = 60_000 }: LineWait): Promise<string> {
  const matches = typeof wanted === "string" ? (line: string) => line.includes(wanted) : wanted;
  const description = typeof wanted === "string" ? `"${wanted}"` : "the wanted line";
  const tail = () => `; its last lines:\n${lines.slice(-LINES_IN_ERRORS).join("\n")}`;
  let closed = false;
  child.once("close", () => {
    closed = true;
  });
  const look = () => {
    const found = lines.find(matches);
    if (found !== undefined) return { found };
    return closed || (child.exitCode ?? child.signalCode) !== null ? { found: undefined } : undefined;
  };
  const answer = await waitFor(look, { what: `${name} to log ${description}`, deadlineMs }).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : error}${tail()}`, { cause: error });
  });
  if (answer.found === undefined) throw new Error(`${name} exited without logging ${description}${tail()}`);
  return answer.found;
}
