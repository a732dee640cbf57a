// Rows 1, 2 and 4: how fast the whole pipeline is, beside kafkajs alone, the original's design, and itself without the fence.
import { noopOnce, originalOnce, perCpuSecond, perSecond, pipelineOnce } from "./contenders.ts";
import type { Report } from "./report.ts";
import type { FilledTopic, Setting } from "./setting.ts";
import { medianRatio, ratios } from "./stats.ts";
import type { Measured } from "./worker/noop.ts";
import type { PipelineMeasured } from "./worker/pipeline.ts";
import type { Worker } from "./worker.ts";

const ROUNDS = 5;
const FENCE_ROUNDS = 6;
const PARTITIONS = 4;
const DEVICES = 10_000;
/** Faults begin, last 50 events and recover. The hard case besides: each event alerts for itself, by chance. */
const FAULT_EVENTS = 50;

/** Row 1. Returns the pipeline's events per second at 1 % alerting. */
export async function againstNoop(setting: Setting, report: Report): Promise<void> {
  await using noop = setting.worker("noop");
  await using pipeline = setting.worker("pipeline-1");
  const hard = { devices: DEVICES, alerting: 0.01, seed: 1 };
  const topic = await setting.filledTopic(PARTITIONS, 400_000, { ...hard, faultEvents: FAULT_EVENTS });
  const hardTopic = await setting.filledTopic(PARTITIONS, 400_000, hard);
  const noops: Measured[] = [];
  const pipelines: PipelineMeasured[] = [];
  const hardPipelines: PipelineMeasured[] = [];
  await noopOnce(setting, noop, topic);
  await pipelineOnce(setting, pipeline, topic);
  for (let round = 0; round < ROUNDS; round++) {
    noops.push(await noopOnce(setting, noop, topic));
    pipelines.push(await pipelineOnce(setting, pipeline, topic));
    hardPipelines.push(await pipelineOnce(setting, pipeline, hardTopic));
  }
  const raw = {
    "pipeline events/s": perSecond(pipelines),
    "no-op events/s": perSecond(noops),
    "pipeline events per CPU second": perCpuSecond(pipelines),
    "no-op events per CPU second": perCpuSecond(noops),
    "history rows": pipelines.map((run) => run.ticketEvents),
    commits: pipelines.map((run) => run.commits),
  };
  const note = "1 % of the devices at a time have a fault, which lasts 50 of their events";
  report.add({
    row: "1",
    what: "pipeline at 1 % alerting / no-op kafkajs eachBatch",
    value: medianRatio(perSecond(pipelines), perSecond(noops)),
    target: { atLeast: 0.4 },
    raw,
    note,
  });
  report.add({
    row: "1 hard",
    what: "the same where each event alerts for itself, by chance: nearly every alert opens and the next event resolves",
    value: medianRatio(perSecond(hardPipelines), perSecond(noops)),
    raw: {
      "pipeline events/s": perSecond(hardPipelines),
      "history rows": hardPipelines.map((run) => run.ticketEvents),
    },
  });
  report.add({
    row: "1 cpu",
    what: "the same per CPU second of the consuming process",
    value: medianRatio(perCpuSecond(pipelines), perCpuSecond(noops)),
    raw: {},
  });
}

/** Rows 2 and 4. */
export async function againstOriginal(setting: Setting, report: Report): Promise<void> {
  await using original = setting.worker("original");
  await using pipeline = setting.worker("pipeline-10");
  const hard = { devices: DEVICES, alerting: 0.1, seed: 2 };
  const stream = { ...hard, faultEvents: FAULT_EVENTS };
  const topic = await setting.filledTopic(PARTITIONS, 200_000, stream);
  const tenWays = await setting.filledTopic(10, 60_000, stream);
  const hardTopic = await setting.filledTopic(PARTITIONS, 200_000, hard);
  const fenced: PipelineMeasured[] = [];
  const hardRuns: PipelineMeasured[] = [];
  const designs = [
    { name: "sequential", topic, ways: 1, commitEach: true, runs: [] as Measured[] },
    { name: "ten ways", topic: tenWays, ways: 10, commitEach: true, runs: [] as Measured[] },
    { name: "sequential, offsets not committed", topic, ways: 1, commitEach: false, runs: [] as Measured[] },
    { name: "ten ways, offsets not committed", topic: tenWays, ways: 10, commitEach: false, runs: [] as Measured[] },
  ];
  await pipelineOnce(setting, pipeline, topic);
  for (let round = 0; round < ROUNDS; round++) {
    fenced.push(await pipelineOnce(setting, pipeline, topic));
    hardRuns.push(await pipelineOnce(setting, pipeline, hardTopic));
    for (const { topic: on, ways, commitEach, runs } of designs) {
      runs.push(await originalOnce(setting, original, on, { ways, commitEach, seconds: 1.5 }));
    }
  }
  await addFence(setting, report, pipeline, topic);
  const raw = {
    "pipeline events/s": perSecond(fenced),
    "pipeline events per CPU second": perCpuSecond(fenced),
    "history rows": fenced.map((run) => run.ticketEvents),
  };
  const targets = [{ atLeast: 100 }, { atLeast: 30 }];
  designs.forEach(({ name, runs }, i) => {
    const target = targets[i];
    const what = `pipeline at 10 % alerting / per-event design, ${name}`;
    report.add({
      row: `2${"abcd"[i]}`,
      what,
      value: medianRatio(perSecond(fenced), perSecond(runs)),
      ...(target && { target }),
      raw: { ...raw, "per-event events/s": perSecond(runs) },
    });
  });
  addHard(report, hardRuns, designs[0]?.runs ?? []);
}

/** Row 2 where each event alerts for itself; the per-event design does the same work for either stream. */
function addHard(report: Report, hardRuns: readonly PipelineMeasured[], sequential: readonly Measured[]): void {
  report.add({
    row: "2 hard",
    what: "row 2a where each event alerts for itself, by chance",
    value: medianRatio(perSecond(hardRuns), perSecond(sequential)),
    raw: { "pipeline events/s": perSecond(hardRuns), "history rows": hardRuns.map((run) => run.ticketEvents) },
  });
}

/** Row 4: one right after the other, each first as often as the other. */
async function addFence(setting: Setting, report: Report, worker: Worker, topic: FilledTopic): Promise<void> {
  const runs = { fenced: [] as PipelineMeasured[], unfenced: [] as PipelineMeasured[] };
  const once = async (fenced: boolean) => {
    runs[fenced ? "fenced" : "unfenced"].push(await pipelineOnce(setting, worker, topic, { fenced }));
  };
  for (let round = 0; round < FENCE_ROUNDS; round++) {
    await once(round % 2 === 0);
    await once(round % 2 !== 0);
  }
  const [fenced, unfenced] = [perSecond(runs.fenced), perSecond(runs.unfenced)];
  report.add({
    row: "4",
    what: "fenced / not fenced, at 10 % alerting",
    value: medianRatio(fenced, unfenced),
    target: { atLeast: 0.95 },
    raw: { "fenced events/s": fenced, "unfenced events/s": unfenced, "ratio of each pair": ratios(fenced, unfenced) },
  });
}
