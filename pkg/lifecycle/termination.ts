// Decides how the process ends on SIGTERM and SIGINT: the first asks, the second or the deadline ends it at once.
// The only owner of these signals.

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** What is used of the process, so that tests need no real signal. */
export interface TerminationSource {
  on(name: "SIGTERM" | "SIGINT", listener: () => void): unknown;
  off(name: "SIGTERM" | "SIGINT", listener: () => void): unknown;
  exit(code: number): void;
}

export interface Termination extends Disposable {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
}

export interface TerminationOptions {
  /** From the first signal to the forced exit, ms. Default 25,000. */
  readonly graceMs?: number;
  readonly source?: TerminationSource;
  /** Called once with the cause before the process is ended by force, so that it can be logged. */
  readonly onForced?: (cause: "second signal" | "deadline") => void;
}

/** Takes over SIGTERM and SIGINT until disposed. A forced exit has code 1. */
export function onTermination(options: TerminationOptions = {}): Termination {
  const { graceMs = 25_000, source = process, onForced } = options;
  const controller = new AbortController();
  let deadline: NodeJS.Timeout | undefined;
  const force = (cause: "second signal" | "deadline") => {
    onForced?.(cause);
    source.exit(1);
  };
  const onSignal = () => {
    if (controller.signal.aborted) return force("second signal");
    // unref: the deadline itself must not keep a process alive that is done.
    deadline = setTimeout(force, graceMs, "deadline").unref();
    controller.abort();
  };
  for (const name of SIGNALS) source.on(name, onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(deadline);
      for (const name of SIGNALS) source.off(name, onSignal);
    },
  };
}
