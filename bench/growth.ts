// How the cost grows: rows 1 and 2 again with 1, 4 and 16 partitions and with 1, 10 and 100 rules, in fewer rounds.
import { noopOnce, originalOnce, perSecond, pipelineOnce } from "./contenders.ts";
import type { Report } from "./report.ts";
import type { FilledTopic, Setting } from "./setting.ts";
import { medianRatio } from "./stats.ts";
import type { Measured } from "./worker/noop.ts";
import type { Worker } from "./worker.ts";

const MOST_ROUNDS = 3;
const DEVICES = 10_000;
const RULES_PARTITIONS = 4;

interface Runs {
  readonly noop: Measured[];
  readonly pipeline1: Measured[];
  readonly pipeline10: Measured[];
  readonly original: Measured[];
}

interface Cell {
  readonly name: string;
  readonly partitions: number;
  /** 0 = the default rules. */
  readonly rules: number;
  readonly runs: Runs;
}

interface Workers {
  readonly noop: Worker;
  readonly original: Worker;
  readonly pipeline: Worker;
}

/** The small table of growth; row 9 is left out of it for time. */
export async function growth(setting: Setting, report: Report): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const start = (name: string) => stack.use(setting.worker(`${name}-growth`));
  const workers = { noop: start("noop"), original: start("original"), pipeline: start("pipeline") };
  const topics = new Map<number, { one: FilledTopic; ten: FilledTopic }>();
  for (const partitions of [1, 4, 16]) {
    const one = await setting.filledTopic(partitions, 150_000, {
      devices: DEVICES,
      alerting: 0.01,
      faultEvents: 50,
      seed: 1,
    });
    topics.set(partitions, {
      one,
      ten: await setting.filledTopic(partitions, 80_000, { devices: DEVICES, alerting: 0.1, faultEvents: 50, seed: 2 }),
    });
  }
  const cell = (name: string, partitions: number, rules: number): Cell => ({
    name,
    partitions,
    rules,
    runs: { noop: [], pipeline1: [], pipeline10: [], original: [] },
  });
  const cells = [
    ...[1, 4, 16].map((partitions) =>
      cell(`${partitions} partition${partitions === 1 ? "" : "s"}, default rules`, partitions, 0),
    ),
    ...[1, 10, 100].map((rules) =>
      cell(`${RULES_PARTITIONS} partitions, ${rules} rule${rules === 1 ? "" : "s"}`, RULES_PARTITIONS, rules),
    ),
  ];
  let roundSeconds = 0;
  for (let round = 0; round < MOST_ROUNDS && report.secondsLeft > roundSeconds; round++) {
    const before = report.secondsLeft;
    for (const { partitions, rules, runs } of cells) {
      const on = topics.get(partitions);
      if (on !== undefined) await runCell(setting, workers, on, rules, runs);
    }
    roundSeconds = before - report.secondsLeft;
  }
  for (const { name, runs } of cells) addCell(report, name, runs);
}

async function runCell(
  setting: Setting,
  workers: Workers,
  on: { one: FilledTopic; ten: FilledTopic },
  rules: number,
  runs: Runs,
): Promise<void> {
  runs.noop.push(await noopOnce(setting, workers.noop, on.one));
  runs.pipeline1.push(await pipelineOnce(setting, workers.pipeline, on.one, { rules }));
  runs.pipeline10.push(await pipelineOnce(setting, workers.pipeline, on.ten, { rules }));
  runs.original.push(await originalOnce(setting, workers.original, on.ten, { ways: 1, commitEach: true, seconds: 1 }));
}

function addCell(report: Report, name: string, { noop, pipeline1, pipeline10, original }: Runs): void {
  const [one, ten] = [perSecond(pipeline1), perSecond(pipeline10)];
  const raw1 = { "pipeline events/s": one, "no-op events/s": perSecond(noop) };
  const raw2 = { "pipeline events/s": ten, "per-event events/s": perSecond(original) };
  report.add({
    row: "1 grow",
    what: `${name}: pipeline at 1 % / no-op`,
    value: medianRatio(one, perSecond(noop)),
    raw: raw1,
  });
  report.add({
    row: "2 grow",
    what: `${name}: pipeline at 10 % / per-event design, sequential`,
    value: medianRatio(ten, perSecond(original)),
    raw: raw2,
  });
}
