// Decides with which code the command line ends and how a failure reads: one line for the cause, one for the remedy.
import { type Command, CommanderError } from "commander";
import { AlertCastError, type ErrorCode } from "../../pkg/errors.ts";
import { visible } from "./terminal.ts";

/** What the exit codes mean; a closed pipe is `done`. */
export const EXIT = {
  done: 0,
  /** A check found something, or the command failed in a way that has no code of its own. */
  failed: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  conflict: 5,
  /** A part of many was refused; which, is on stderr. */
  partFailed: 6,
  /** Unreachable or timed out. */
  unreachable: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with this code. An empty message prints nothing: all was said before. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode;
  readonly remedy: string | undefined;

  constructor(exitCode: ExitCode, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "CommandFailure";
    this.exitCode = exitCode;
    this.remedy = options.remedy;
  }
}

const EXIT_OF: Partial<Record<ErrorCode, ExitCode>> = {
  invalid: EXIT.usage,
  "not-found": EXIT.notFound,
  conflict: EXIT.conflict,
  unavailable: EXIT.unreachable,
  throttled: EXIT.unreachable,
};

/** Runs the command that `argv` names and returns the exit code; never rejects. `argv` is as in process.argv. */
export async function runCommands(
  program: Command,
  argv: readonly string[],
  stderr: NodeJS.WritableStream,
): Promise<ExitCode> {
  try {
    await program.parseAsync(argv);
    return EXIT.done;
  } catch (error) {
    // Commander has printed its errors already; 0 is --help and --version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const { exitCode, lines } = describe(error);
    for (const line of lines) stderr.write(`${visible(line)}\n`);
    return exitCode;
  }
}

function describe(error: unknown): { exitCode: ExitCode; lines: string[] } {
  if (error instanceof CommandFailure) {
    const cause = error.message === "" ? [] : [`error: ${error.message}`];
    return { exitCode: error.exitCode, lines: error.remedy === undefined ? cause : [...cause, error.remedy] };
  }
  if (error instanceof AlertCastError) {
    return { exitCode: EXIT_OF[error.code] ?? EXIT.failed, lines: [`error: ${error.message}`] };
  }
  // A fault of ours or of a driver: where it came from is all there is to go on.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: EXIT.failed, lines: text.split("\n") };
}
