// What a worker process can be told to do. Each task takes and returns plain data.

import { parseAndDetect } from "./detect.ts";
import { fill } from "./fill.ts";
import { probe, produceAtRate } from "./latency.ts";
import { memoryOfFleet, memoryOverTime } from "./memory.ts";
import { consumeNothing } from "./noop.ts";
import { runOriginal, startOriginal, stopOriginal } from "./original.ts";
import { runPipeline, startPipeline, stopPipeline } from "./pipeline.ts";
import { takeOver } from "./take-over.ts";

export const TASKS = {
  fill,
  consumeNothing,
  runPipeline,
  startPipeline,
  stopPipeline,
  runOriginal,
  startOriginal,
  stopOriginal,
  takeOver,
  produceAtRate,
  probe,
  parseAndDetect,
  memoryOverTime,
  memoryOfFleet,
};

export type Tasks = typeof TASKS;
export type TaskName = keyof Tasks;
