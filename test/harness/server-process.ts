// Runs one server program in the background: start, signal, stop, restart. Knows nothing of what the program serves.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { guardProcessGroup, type OrphanGuard } from "./orphan-guard.ts";

export interface ServerProgram {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The user and group to run as, where it is not ours. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly logFile: string;
  /** Resolves once the server really serves; rejects at its own deadline. */
  readonly ready: () => Promise<unknown>;
  /** True: killed when this process dies. False: lives on (`make up`). */
  readonly guarded: boolean;
}

/** What starting a particular server needs to know. */
export interface StartOptions {
  /** The server's data and log go below this folder. */
  readonly folder: string;
  /** Gets the server as soon as its process runs; disposing the stack ends it. */
  readonly stack: AsyncDisposableStack;
  /** True: killed when this process dies, however it dies. */
  readonly guarded: boolean;
}

export interface StartedServer {
  readonly address: string;
  readonly server: ServerProcess;
}

const LOG_TAIL_LINES = 30;

export class ServerProcess implements AsyncDisposable {
  readonly #program: ServerProgram;
  #child: ChildProcess | undefined;
  #guard: OrphanGuard | undefined;
  #exited: Promise<string> = Promise.resolve("never started");

  constructor(program: ServerProgram) {
    this.#program = program;
  }

  /** The process id, which is also its process group. Throws when it does not run. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#program.name} is not running`);
    return pid;
  }

  /** Starts the program and resolves when it is ready; throws with the end of its log when it exits before that. */
  async start(): Promise<void> {
    this.#spawn();
    const tooEarly = this.#exited.then((how) => {
      throw new Error(`${this.#program.name} ended before it was ready (${how})\n${this.logTail()}`);
    });
    await Promise.race([this.#program.ready(), tooEarly]);
  }

  /** Sends a signal to the whole process group (SIGSTOP and SIGCONT too). */
  signal(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /** Ends the program by `signal` and resolves when it has exited. Harmless when it does not run. */
  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#child?.pid === undefined) return;
    // Its exit is waited for, so it has to keep this process alive again.
    this.#child.ref();
    this.#child.kill(signal);
    await this.#exited;
    this.#killRest();
  }

  /** Ends the program by `signal` and starts it again on the same port and data (PostgreSQL: SIGQUIT is its "immediate"). */
  async restart(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  /** The last lines of the program's log. */
  logTail(): string {
    return readFileSync(this.#program.logFile, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #spawn(): void {
    const { command, args, env, owner, logFile, guarded } = this.#program;
    const log = openSync(logFile, "a");
    const child = spawn(command, args, {
      detached: true,
      stdio: ["ignore", log, log],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, LC_ALL: "C", ...env },
      ...owner,
    });
    closeSync(log);
    child.unref();
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    if (guarded && child.pid !== undefined) this.#guard = guardProcessGroup(child.pid);
  }

  #killRest(): void {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch (error) {
      // No such process group: the program left no children behind, as it should.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
    this.#guard?.dismiss();
    this.#child = undefined;
  }
}
