// AlertCast's processor as cmd/processor puts it together: Kafka in, tickets in PostgreSQL out, metrics counted.
import { kafkaLog } from "../../pkg/log/kafka.ts";
import type { Batch, EventLog } from "../../pkg/log/log.ts";
import { PROCESSOR_LIMITS, type ProcessorLimits } from "../../pkg/processor/deps.ts";
import { processorMetrics } from "../../pkg/processor/metrics.ts";
import type { Pending } from "../../pkg/processor/pending.ts";
import { createProcessor, type Processor } from "../../pkg/processor/processor.ts";
import { compileRuleSet } from "../../pkg/rule/rule-file.ts";
import { createMetrics } from "../../pkg/telemetry/catalogue.ts";
import { createLogger } from "../../pkg/telemetry/logger.ts";
import { createPool } from "../../pkg/ticket/postgres-pool.ts";
import { postgresStore } from "../../pkg/ticket/postgres-store.ts";
import type { CommitResult } from "../../pkg/ticket/store.ts";
import { type ConsumeInput, type Measured, Stopwatch } from "./noop.ts";
import { compileRules } from "./rules.ts";

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface PipelineInput extends ConsumeInput {
  readonly database: DatabaseAddress;
  /** 0 = the default rules. */
  readonly rules: number;
  readonly fenced: boolean;
  readonly limits?: Partial<ProcessorLimits>;
}

export interface PipelineMeasured extends Measured {
  readonly commits: number;
  /** History rows written: opened, reopened, resolved, changed. */
  readonly ticketEvents: number;
}

export interface Hooks {
  readonly batch?: (batch: Batch) => void;
  readonly assigned?: () => void;
  readonly committed?: (result: CommitResult, pending: Pending) => void;
}

export interface RunningPipeline extends AsyncDisposable {
  readonly processor: Processor;
  /** Rejects when the processor fails. */
  readonly ended: Promise<void>;
}

/** Starts the processor; disposing it stops it and closes all connections. */
export async function openPipeline(input: PipelineInput, hooks: Hooks): Promise<RunningPipeline> {
  const stack = new AsyncDisposableStack();
  const logger = createLogger({ component: "bench", level: "error", destination: process.stderr });
  const stop = new AbortController();
  // The database is dropped right after the end, at times before the last connection has closed.
  const onError = (error: Error) => {
    if (!stop.signal.aborted) logger.error({ err: error }, "connection lost");
  };
  const pool = createPool({ ...input.database, applicationName: "bench", onError });
  stack.defer(() => pool.end());
  const log = stack.use(kafkaLog({ brokers: input.brokers.split(","), clientId: "bench", topic: input.topic, logger }));
  const store = postgresStore({ pool, fenced: input.fenced });
  const ruleSet = compileRules(input.rules);
  const metrics = processorMetrics(createMetrics("processor"), input.topic, Date.now);
  const processor = createProcessor({
    log: watched(log, hooks),
    topic: await log.describe(),
    store,
    group: input.group,
    owner: "bench",
    ruleSet,
    ruleSetId: await store.registerRuleSet(ruleSet.hash, ruleSet.source),
    compile: (source) => {
      const result = compileRuleSet(source);
      return result.ok ? result.ruleSet : undefined;
    },
    detector: {},
    limits: { ...PROCESSOR_LIMITS, ...input.limits },
    logger,
    metrics: {
      ...metrics,
      committed: (result, pending, ms) => {
        metrics.committed(result, pending, ms);
        hooks.committed?.(result, pending);
      },
    },
    now: Date.now,
  });
  const ended = processor.run(stop.signal);
  ended.catch((error: unknown) => logger.error({ err: error }, "the processor failed"));
  stack.defer(async () => {
    stop.abort();
    await ended;
  });
  return { processor, ended, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function watched(log: EventLog, hooks: Hooks): EventLog {
  return {
    describe: () => log.describe(),
    ranges: () => log.ranges(),
    append: (records) => log.append(records),
    consume: (group, listener) =>
      log.consume(group, {
        assigned: (partitions) => {
          hooks.assigned?.();
          listener.assigned(partitions);
        },
        batch: (batch) => {
          hooks.batch?.(batch);
          listener.batch(batch);
        },
      }),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}

/** Works through the topic to its end, from the first batch delivered to the last commit. */
export async function runPipeline(input: PipelineInput): Promise<PipelineMeasured> {
  const watch = new Stopwatch(input.records);
  let commits = 0;
  let ticketEvents = 0;
  await using running = await openPipeline(input, {
    batch: () => watch.start(),
    committed: (result, pending) => {
      commits++;
      if (result.outcome === "committed") ticketEvents += result.settled.events.length;
      watch.count(pending.entries);
    },
  });
  const measured = await Promise.race([watch.done, running.ended.then(() => watch.done)]);
  return { ...measured, commits, ticketEvents };
}

let started: RunningPipeline | undefined;

/** Starts it, resolves when it works on its partitions, and lets it run until stopPipeline. */
export async function startPipeline(input: PipelineInput): Promise<void> {
  const opened = await openPipeline(input, {});
  started = opened;
  await untilLive(opened.processor, input.partitions);
}

export async function stopPipeline(_input: null): Promise<void> {
  await started?.[Symbol.asyncDispose]();
  started = undefined;
}

/** Resolves when that many partitions are live. Looks every 2 ms. */
export async function untilLive(processor: Processor, partitions: number): Promise<void> {
  const live = () => [...processor.states().values()].filter((state) => state.phase === "live").length;
  while (live() < partitions) await new Promise((resolve) => setTimeout(resolve, 2));
}
