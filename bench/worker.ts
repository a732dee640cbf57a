// Runs tasks of bench/worker/tasks.ts in a process of their own and gives back what they return.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Tasks } from "./worker/tasks.ts";

/** Far above what any task takes: one that takes this long will never end. */
const TASK_DEADLINE_MS = 300_000;
const ENTRY = join(import.meta.dirname, "worker", "main.ts");

type Reply<T> = { readonly value: T } | { readonly error: string };

export interface WorkerOptions {
  readonly name: string;
  /** Folder for CPU profiles, one for each worker; none without it. */
  readonly profileFolder?: string | undefined;
}

/** One child process; tasks given to it run one after the other. */
export class Worker implements AsyncDisposable {
  readonly #name: string;
  readonly #child: ChildProcess;

  constructor({ name, profileFolder }: WorkerOptions) {
    const profile =
      profileFolder === undefined
        ? []
        : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${name}.cpuprofile`];
    this.#name = name;
    this.#child = fork(ENTRY, [], { execArgv: ["--expose-gc", "--max-old-space-size=4096", ...profile] });
  }

  /** Does the task over there. Rejects when it threw, did not end in time (the process is killed then), or the process ended. */
  async run<K extends keyof Tasks>(task: K, input: Parameters<Tasks[K]>[0]): Promise<Awaited<ReturnType<Tasks[K]>>> {
    const child = this.#child;
    const stop = new AbortController();
    const reply = once(child, "message", stop).then(([message]) => message as Reply<Awaited<ReturnType<Tasks[K]>>>);
    const exit = once(child, "exit", stop).then(([code]) => ({
      error: `worker ${this.#name} ended with ${code} during ${task}`,
    }));
    const deadline = setTimeout(() => child.kill("SIGKILL"), TASK_DEADLINE_MS);
    child.send({ task, input });
    try {
      const outcome = await Promise.race([reply, exit]);
      if ("error" in outcome) throw new Error(outcome.error);
      return outcome.value;
    } finally {
      clearTimeout(deadline);
      stop.abort();
      for (const waiting of [reply, exit]) waiting.catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    await ended;
  }
}
