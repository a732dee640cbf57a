// Row 12: the time from being given a partition to being live on it.
import { openPipeline, type PipelineInput, untilLive } from "./pipeline.ts";

export interface TakeOverOutput {
  /** From the assignment to live: claim, snapshot, replay. */
  readonly ms: number;
  readonly replayed: number;
}

/** Takes over partitions whose snapshot lies behind their stored offset. */
export async function takeOver(input: PipelineInput): Promise<TakeOverOutput> {
  let assignedMs = Number.NaN;
  let replayed = 0;
  await using running = await openPipeline(input, {
    assigned: () => {
      if (Number.isNaN(assignedMs)) assignedMs = performance.now();
    },
    batch: (batch) => {
      replayed += batch.records.length;
    },
  });
  await untilLive(running.processor, input.partitions);
  return { ms: performance.now() - assignedMs, replayed };
}
