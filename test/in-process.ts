// A processor inside the test, where its limits or rules have to be other than a program's.
import { kafkaLog } from "../pkg/log/kafka.ts";
import type { EventLog } from "../pkg/log/log.ts";
import { PROCESSOR_LIMITS, type ProcessorLimits } from "../pkg/processor/deps.ts";
import { processorMetrics } from "../pkg/processor/metrics.ts";
import { createProcessor, type Processor } from "../pkg/processor/processor.ts";
import { DEFAULT_RULES } from "../pkg/rule/default-rules.ts";
import { compileRuleSet, parseRuleFile } from "../pkg/rule/rule-file.ts";
import { createMetrics, type Metrics } from "../pkg/telemetry/catalogue.ts";
import { createLogger } from "../pkg/telemetry/logger.ts";
import { postgresStore } from "../pkg/ticket/postgres-store.ts";
import type { Cluster } from "./cluster.ts";

export interface InProcess extends AsyncDisposable {
  readonly processor: Processor;
  readonly metrics: Metrics;
  /** Log lines. */
  readonly lines: string[];
  /** Rejects when the processor crashed. */
  readonly running: Promise<void>;
}

/** Starts one on the cluster's topic and database; disposing it ends it as SIGTERM would. */
export async function processorInProcess(
  cluster: Cluster,
  options: {
    readonly limits?: Partial<ProcessorLimits>;
    readonly rules?: string;
    /** Puts something between the processor and the log, such as a fault. */
    readonly wrap?: (log: EventLog) => EventLog;
  } = {},
): Promise<InProcess> {
  const parsed = parseRuleFile(options.rules ?? DEFAULT_RULES);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  const { ruleSet } = parsed;
  const lines: string[] = [];
  const logger = createLogger({ component: "processor", destination: { write: (line) => void lines.push(line) } });
  const log = kafkaLog({ brokers: cluster.brokers, topic: cluster.topic, clientId: "test", logger });
  const store = postgresStore({ pool: cluster.pool });
  const topic = await log.describe();
  const metrics = createMetrics("processor", { processMetrics: false });
  const processor = createProcessor({
    log: options.wrap?.(log) ?? log,
    topic,
    store,
    group: cluster.env.CONSUMER_GROUP ?? "",
    owner: "test",
    ruleSet,
    ruleSetId: await store.registerRuleSet(ruleSet.hash, ruleSet.source),
    compile: (source) => {
      const compiled = compileRuleSet(source);
      return compiled.ok ? compiled.ruleSet : undefined;
    },
    detector: {},
    limits: { ...PROCESSOR_LIMITS, ...options.limits },
    logger,
    metrics: processorMetrics(metrics, topic.topic, Date.now),
    now: Date.now,
  });
  const stop = new AbortController();
  const running = processor.run(stop.signal);
  running.catch(() => undefined); // whoever looks at `running` still gets the error
  return {
    processor,
    metrics,
    lines,
    running,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running.catch(() => undefined);
      await log[Symbol.asyncDispose]();
    },
  };
}
