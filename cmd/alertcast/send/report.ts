// Decides what a sender is told: refused lines, why it waits, how far it has come. Counts; never decides what is sent.
import { type SingleBar as Bar, SingleBar } from "cli-progress";
import { visible } from "../terminal.ts";
import type { Answer } from "./door.ts";
import type { Row } from "./rows.ts";

/** Refused lines that are shown; the others are counted. */
const SHOWN = 20;

export interface ReportOptions {
  readonly stderr: NodeJS.WritableStream;
  /** True: a bar that is redrawn; false: a line now and then. */
  readonly isTerminal: boolean;
  /** No progress; errors and the summary stay. */
  readonly quiet: boolean;
  readonly dryRun: boolean;
  /** Bytes of the input; undefined when they are not known. */
  readonly totalBytes: number | undefined;
  /** How many of them were read. */
  readonly readBytes: () => number;
  /** Between two lines. */
  readonly everyMs: number;
  readonly elapsedMs: () => number;
  /** The first line that is to be sent. */
  readonly fromLine: number;
}

/** Tells on stderr. To be disposed, else a terminal keeps half a bar. */
export class Report implements Disposable {
  readonly #options: ReportOptions;
  readonly #startedMs: number;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #bar: Bar | undefined;
  #sent = 0;
  #accepted = 0;
  #rejected = 0;
  #retried = 0;
  #shown = 0;
  #nextLine: number;

  constructor(options: ReportOptions) {
    const { quiet, isTerminal, everyMs, elapsedMs, fromLine } = options;
    this.#options = options;
    this.#startedMs = elapsedMs();
    this.#nextLine = fromLine;
    if (quiet) return;
    if (isTerminal && !options.dryRun) this.#bar = startBar(options);
    const show = () => (this.#bar === undefined ? this.#line(this.#progress()) : this.#drawBar());
    if (!options.dryRun) this.#timer = setInterval(show, this.#bar === undefined ? everyMs : 200).unref();
  }

  /** Lines that could not be read or were refused. */
  get rejected(): number {
    return this.#rejected;
  }

  /** The line to go on from: all before it were answered for. */
  get nextLine(): number {
    return this.#nextLine;
  }

  /** A line that will not be sent, or was refused. */
  reject(line: number, field: string, message: string): void {
    this.#rejected++;
    this.#show(line, field, message);
  }

  /** A batch was answered for. */
  answered(batch: readonly Row[], answer: Answer): void {
    this.#sent += batch.length;
    this.#accepted += answer.accepted;
    this.#rejected += answer.rejected;
    this.#nextLine = (batch.at(-1)?.line ?? this.#nextLine) + 1;
    for (const { line, field, message } of answer.refusals) this.#show(line, field, message);
  }

  /** A batch is sent again. */
  retried(reason: string, waitMs: number): void {
    this.#retried++;
    this.#line(`${reason}; the same events are sent again in ${(waitMs / 1000).toFixed(1)} s`);
  }

  /** The last word. */
  summary(): void {
    this[Symbol.dispose]();
    const unshown = this.#rejected - this.#shown;
    if (unshown > 0) this.#line(`and ${unshown} more rejected`);
    const seconds = ((this.#options.elapsedMs() - this.#startedMs) / 1000).toFixed(1);
    if (this.#options.dryRun) this.#line(`would send ${this.#sent}, rejected ${this.#rejected}; nothing was sent`);
    else this.#line(`${this.#counts()} in ${seconds} s`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#bar?.isActive !== true) return;
    this.#drawBar();
    this.#bar.stop();
  }

  #counts(): string {
    return `sent ${this.#sent}, accepted ${this.#accepted}, rejected ${this.#rejected}, retried ${this.#retried}`;
  }

  #progress(): string {
    const { totalBytes, readBytes } = this.#options;
    const share = totalBytes ? `${Math.floor((100 * readBytes()) / totalBytes)} %, ` : "";
    return `${share}${this.#counts()}, ${this.#rate()}/s`;
  }

  #rate(): number {
    const seconds = (this.#options.elapsedMs() - this.#startedMs) / 1000;
    return seconds > 0 ? Math.round(this.#sent / seconds) : 0;
  }

  #show(line: number, field: string, message: string): void {
    if (this.#shown >= SHOWN) return;
    this.#shown++;
    this.#line(`line ${line}: ${field === "" ? "" : `${field}: `}${message}`);
  }

  #line(text: string): void {
    // Over the bar, which is drawn again below.
    const clear = this.#bar?.isActive === true ? "\r\u001b[2K" : "";
    this.#options.stderr.write(`${clear}${visible(text)}\n`);
  }

  #drawBar(): void {
    this.#bar?.update(this.#options.readBytes(), { counts: this.#counts(), rate: this.#rate() });
  }
}

function startBar({ stderr, totalBytes }: ReportOptions): Bar {
  const format =
    totalBytes === undefined
      ? "{counts} | {rate}/s"
      : "{bar} {percentage}% | {rate}/s | ETA {eta_formatted} | {counts}";
  const bar = new SingleBar({
    stream: stderr,
    format,
    barsize: 24,
    forceRedraw: true,
    gracefulExit: false,
    hideCursor: null,
  });
  bar.start(totalBytes ?? 0, 0, { counts: "sent 0", rate: 0 });
  return bar;
}
