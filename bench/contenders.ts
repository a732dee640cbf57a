// One run each of what is compared, on a filled topic and a database of its own.
import { addressOf, type FilledTopic, type Setting } from "./setting.ts";
import type { Measured } from "./worker/noop.ts";
import type { PipelineMeasured } from "./worker/pipeline.ts";
import type { Worker } from "./worker.ts";

/** kafkajs with an eachBatch that does nothing. */
export function noopOnce(setting: Setting, worker: Worker, topic: FilledTopic): Promise<Measured> {
  return worker.run("consumeNothing", setting.consumption(topic));
}

export interface PipelineChoice {
  /** Number of rules, 0 = the default rules. */
  readonly rules?: number;
  readonly fenced?: boolean;
}

/** The whole pipeline. */
export async function pipelineOnce(
  setting: Setting,
  worker: Worker,
  topic: FilledTopic,
  { rules = 0, fenced = true }: PipelineChoice = {},
): Promise<PipelineMeasured> {
  await using database = await setting.database();
  return await worker.run("runPipeline", {
    ...setting.consumption(topic),
    database: addressOf(database),
    rules,
    fenced,
  });
}

export interface OriginalChoice {
  readonly ways: number;
  readonly commitEach: boolean;
  readonly seconds: number;
}

/** The original's design. */
export async function originalOnce(
  setting: Setting,
  worker: Worker,
  topic: FilledTopic,
  choice: OriginalChoice,
): Promise<Measured> {
  await using database = await setting.database();
  const { redisUrl } = setting.services;
  return await worker.run("runOriginal", {
    ...setting.consumption(topic),
    database: addressOf(database),
    redisUrl,
    ...choice,
  });
}

/** Figures of several runs of the same, and what to call them. */
export function perSecond(runs: readonly Measured[]): number[] {
  return runs.map((run) => run.perSecond);
}

/** Records per second of CPU time in the consuming process. */
export function perCpuSecond(runs: readonly Measured[]): number[] {
  return runs.map((run) => run.perCpuSecond);
}
