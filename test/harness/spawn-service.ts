// Runs one of AlertCast's own programs as a process of its own, with its log lines at hand, and never leaves it behind.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { guardProcessGroup, type OrphanGuard } from "./orphan-guard.ts";
import { waitFor } from "./wait.ts";

export interface SpawnOptions {
  /** Path from the top folder, such as `cmd/processor/main.ts`. */
  readonly entry: string;
  readonly args?: readonly string[];
  /** The environment, on top of PATH, HOME and TMPDIR; nothing else of ours is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** True: `write` reaches it. */
  readonly stdin?: true;
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
  /** Writes to its standard input; only for one that was spawned with `stdin`. */
  write(text: string): void;
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
    stdio: [options.stdin ? "pipe" : "ignore", "pipe", "pipe"],
    env: { ...inherited(), ...options.env },
  });
  await once(child, "spawn");
  return new Service(options.name, child);
}

class Service implements SpawnedService {
  readonly pid: number;
  readonly exited: Promise<ServiceExit>;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #guard: OrphanGuard;
  readonly #lines: string[] = [];
  #ended = false;

  constructor(name: string, child: ChildProcess) {
    if (child.pid === undefined) throw new Error(`${name} has no process id`);
    this.pid = child.pid;
    this.#name = name;
    this.#child = child;
    this.#guard = guardProcessGroup(child.pid);
    for (const input of [child.stdout, child.stderr]) {
      if (input !== null) createInterface({ input }).on("line", (line) => this.#keep(line));
    }
    // "close" comes after the last byte of output; "exit" may come before it.
    this.exited = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#ended = true;
        this.#guard.dismiss();
        resolve({ code, signal });
      });
    });
  }

  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    this.#child.kill(signal);
  }

  write(text: string): void {
    if (this.#child.stdin === null) throw new Error(`${this.#name} was spawned without standard input`);
    this.#child.stdin.write(text);
  }

  logs(): string[] {
    return [...this.#lines];
  }

  async waitForLog(
    wanted: string | ((line: string) => boolean),
    { deadlineMs = 60_000 }: { readonly deadlineMs?: number } = {},
  ): Promise<string> {
    const matches = typeof wanted === "string" ? (line: string) => line.includes(wanted) : wanted;
    const what = `${this.#name} to log ${typeof wanted === "string" ? `"${wanted}"` : "the wanted line"}`;
    const look = () => {
      const line = this.#lines.find(matches);
      return line === undefined && !this.#ended ? undefined : { line };
    };
    const answer = await waitFor(look, { what, deadlineMs }).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : error}; its last lines:\n${this.#tail()}`, {
        cause: error,
      });
    });
    if (answer.line === undefined) throw new Error(`expected ${what}, but it exited; its last lines:\n${this.#tail()}`);
    return answer.line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.exited;
  }

  #keep(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }

  #tail(): string {
    return this.#lines.slice(-LINES_IN_ERRORS).join("\n");
  }
}

function inherited(): Record<string, string | undefined> {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, TMPDIR };
}
