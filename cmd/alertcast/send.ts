// `alertcast send`: the events of a file or of standard input to an ingestor's HTTP door, in order, one batch at a time.
import { type Command, Option } from "commander";
import { decodeEvent } from "../../pkg/event/decode.ts";
import { sleep as realSleep, type Sleep } from "../../pkg/lifecycle/sleep.ts";
import { onTermination, type TerminationSource } from "../../pkg/lifecycle/termination.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { Streams } from "./rules.ts";
import { batches } from "./send/batches.ts";
import { readCsv } from "./send/csv.ts";
import { type Deliver, httpDoor, type Refusal } from "./send/door.ts";
import { openInput } from "./send/input.ts";
import { readNdjson } from "./send/ndjson.ts";
import * as read from "./send/options.ts";
import { Report } from "./send/report.ts";
import type { Row } from "./send/rows.ts";
import { write } from "./terminal.ts";

/** Below the ingestor's limit of 5 MiB. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** How long what was read waits for more before it is sent. */
const LINGER_MS = 1000;
/** How long the batch in flight may take once the command was interrupted. */
const GRACE_MS = 5000;
const PROGRESS_MS = 10_000;

/** What the command touches of the world, so that tests can bring their own. */
export interface SendWorld extends Streams {
  /** Where SIGINT and SIGTERM come from. */
  readonly signals: TerminationSource;
  readonly sleep: Sleep;
  /** Milliseconds of a clock that never goes back. */
  readonly elapsedMs: () => number;
}

const EXAMPLES = `
Examples:
  alertcast send events.ndjson --url http://ingestor:8081
  tail -F health.log | alertcast send --format ndjson
  alertcast send readings.csv --map ts=timestamp --map temperature=value \\
    --set device_id=office --set status=online --ts-zone UTC --event-id-prefix readings --dry-run
  alertcast send readings.csv --rate 200 --from-line 15001

CSV begins with a line of column names. Columns named device_id, status, temperature, ts, region, message or event_id are
those fields; others are sent only where --map says as what. An empty cell is a field that is absent.
A repeated event_id has no effect on an alarm that knew it among its last 32 events. Beyond that, events that are sent
twice may count twice: go on with --from-line rather than from the start. With --event-id-prefix (or ids of their own)
and --batch 32, a batch that is sent again because its answer was lost counts once.
A batch that the ingestor cannot take (429, 5xx, unreachable) is sent again, the same bytes, until --give-up-after;
"retried" counts these times, the other numbers count events.

Exit codes: 0 all accepted, 2 usage, 6 a part was rejected, 7 unreachable or timed out, 130 interrupted`;

/** Adds `send`. */
export function addSend(program: Command, world: Partial<SendWorld> = {}): void {
  const url = new Option("--url <address>", "the ingestor").env("ALERTCAST_URL").argParser(read.parseUrl);
  program
    .command("send")
    .description("send the events of a file (NDJSON or CSV) to an ingestor")
    .argument("[file]", "the events; none or - is standard input")
    .addOption(url.default(read.parseUrl(read.DEFAULT_URL), read.DEFAULT_URL))
    .addOption(new Option("--format <format>", "default: by the file's ending").choices(["ndjson", "csv"]))
    .option("--map <field=column>", "CSV: the column of a field (again for more)", read.parsePair)
    .option("--set <field=text>", "CSV: the same in every event (again for more)", read.parsePair)
    .option("--number <field>", "CSV: a field that is a number, as temperature is (again for more)", read.parseField)
    .option("--ts-zone <zone>", "CSV: UTC or +01:00, the zone of times that name none", read.parseTsZone)
    .option("--delimiter <character>", "CSV: what stands between cells (default: ,)", read.parseDelimiter)
    .option("--event-id-prefix <text>", "events without an event_id get <text>-<line>", read.parsePrefix)
    .option("--rate <number>", "events per second, at most", read.parseRate)
    .option("--batch <number>", "events per request, at most", read.parseWhole(1, 1000), 500)
    .option("--from-line <number>", "skip the lines before it", read.parseWhole(1, Number.MAX_SAFE_INTEGER), 1)
    .addOption(
      new Option("--give-up-after <duration>", "how long one batch is sent again and again")
        .argParser(read.parseGiveUp)
        .default(300_000, "5m"),
    )
    .option("--dry-run", "print the events instead of sending them, and what the ingestor would refuse")
    .option("-q, --quiet", "no progress")
    .addHelpText("after", EXAMPLES)
    .action((file: string | undefined, options: read.SendOptions) =>
      send(file === "-" ? undefined : file, options, { ...processWorld(), ...world }),
    );
}

function processWorld(): SendWorld {
  const { stdin, stdout, stderr } = process;
  return {
    stdin,
    stdout,
    stderr,
    signals: {
      on: (name, listener) => process.on(name, listener),
      off: (name, listener) => process.off(name, listener),
      exit: () => process.exit(EXIT.interrupted),
    },
    sleep: realSleep,
    elapsedMs: () => performance.now(),
  };
}

async function send(file: string | undefined, options: read.SendOptions, world: SendWorld): Promise<void> {
  const format = read.formatOf(options, file);
  const mapping = format === "csv" ? read.mappingOf(options) : undefined;
  const { eventIdPrefix, fromLine } = options;
  using input = await openInput(file, world.stdin);
  using report = createReport(options, input, world);
  using termination = onTermination({
    source: world.signals,
    graceMs: 4 * GRACE_MS,
    onForced: () => world.stderr.write(`interrupted; go on with --from-line ${report.nextLine}\n`),
  });
  const reject = report.reject.bind(report);
  const rows =
    mapping === undefined
      ? readNdjson(input.chunks, { fromLine, eventIdPrefix, reject })
      : readCsv(input.chunks, { mapping, delimiter: options.delimiter ?? ",", fromLine, eventIdPrefix, reject });
  try {
    await deliverAll(rows, { ...options, report, world, stopping: termination.signal });
  } catch (error) {
    report.summary();
    const isBroken = error instanceof CommandFailure && error.exitCode !== EXIT.usage;
    if (!isBroken) throw error;
    const remedies = [error.remedy, `go on with --from-line ${report.nextLine}`].filter((line) => line !== undefined);
    throw new CommandFailure(error.exitCode, error.message, { remedy: remedies.join("; "), cause: error });
  }
  report.summary();
  if (report.rejected > 0) throw new CommandFailure(EXIT.partFailed, "");
}

function createReport(
  options: read.SendOptions,
  input: { totalBytes: number | undefined; readBytes: () => number },
  world: SendWorld,
): Report {
  const { stderr, elapsedMs } = world;
  return new Report({
    stderr,
    isTerminal: "isTTY" in stderr && stderr.isTTY === true,
    quiet: options.quiet === true,
    dryRun: options.dryRun === true,
    totalBytes: input.totalBytes,
    readBytes: input.readBytes,
    everyMs: PROGRESS_MS,
    elapsedMs,
    fromLine: options.fromLine,
  });
}

type DeliverOptions = read.SendOptions & {
  readonly report: Report;
  readonly world: SendWorld;
  readonly stopping: AbortSignal;
};

async function deliverAll(rows: AsyncIterator<readonly Row[]>, options: DeliverOptions): Promise<void> {
  const { rate, batch: events, report, world, stopping } = options;
  const { sleep, elapsedMs } = world;
  const deliver = options.dryRun === true ? printer(world) : openDoor(options);
  // No batch holds more than a second's worth: a rate is to be even, not 500 at once and then nothing.
  const size = rate === undefined ? events : Math.max(1, Math.min(events, Math.floor(rate)));
  let nextMs = elapsedMs();
  for await (const batch of batches(rows, {
    events: size,
    bytes: BATCH_BYTES,
    lingerMs: LINGER_MS,
    signal: stopping,
  })) {
    const waitMs = nextMs - elapsedMs();
    if (waitMs > 0) await sleep(waitMs, stopping);
    if (stopping.aborted) break;
    if (rate !== undefined) nextMs = Math.max(nextMs, elapsedMs()) + (1000 * batch.length) / rate;
    report.answered(batch, await deliver(batch));
  }
  if (stopping.aborted) throw new CommandFailure(EXIT.interrupted, "interrupted");
}

function openDoor({ url, giveUpAfter, report, world, stopping }: DeliverOptions): Deliver {
  const cut = new AbortController();
  stopping.addEventListener("abort", () => setTimeout(() => cut.abort(), GRACE_MS).unref(), { once: true });
  const { sleep, elapsedMs } = world;
  const onRetry = report.retried.bind(report);
  return httpDoor({ url, giveUpAfterMs: giveUpAfter, stopping, cut: cut.signal, onRetry, sleep, elapsedMs });
}

/** Prints what would be sent and judges it as the ingestor would. */
function printer({ stdout }: SendWorld): Deliver {
  return async (batch) => {
    await write(stdout, Buffer.concat(batch.flatMap(({ event }) => [event, Buffer.from("\n")])));
    const refusals = batch.flatMap(({ line, event }): Refusal[] => {
      const decoded = decodeEvent(event);
      return decoded.ok ? [] : [{ line, field: decoded.error.field, message: decoded.error.message }];
    });
    return { accepted: batch.length - refusals.length, rejected: refusals.length, refusals };
  };
}
