// Row 9: from the sending of an event to its ticket being readable, at half of what each design can do.
import { originalOnce, pipelineOnce } from "./contenders.ts";
import type { Report } from "./report.ts";
import { addressOf, type FilledTopic, type Setting } from "./setting.ts";
import { quantile } from "./stats.ts";
import type { ProbeOutput } from "./worker/latency.ts";
import type { Worker } from "./worker.ts";

const ROUNDS = 3;
const PARTITIONS = 4;
const STREAM = { devices: 10_000, alerting: 0.01, faultEvents: 50, seed: 90 };
const PROBES = 250;
const PROBES_PER_SECOND = 50;
const WARM_UP_SECONDS = 2;

interface Workers {
  readonly pipeline: Worker;
  readonly original: Worker;
  readonly load: Worker;
  readonly probe: Worker;
}

interface Observed {
  readonly visibleMs: number[];
  readonly acknowledgedMs: number[];
  readonly reached: number[];
}

/** Row 9. */
export async function latency(setting: Setting, report: Report): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const start = (name: string) => stack.use(setting.worker(name));
  const workers = {
    pipeline: start("pipeline-latency"),
    original: start("original-latency"),
    load: start("load"),
    probe: start("probe"),
  };
  const { pipelineRate, originalRate } = await fullRates(setting, workers);
  const observe = (): Observed => ({ visibleMs: [], acknowledgedMs: [], reached: [] });
  const [busy, original, calm] = [observe(), observe(), observe()];
  for (let round = 0; round < ROUNDS; round++) {
    await observePipeline(setting, workers, pipelineRate / 2, `busy${round}`, busy);
    await observeOriginal(setting, workers, originalRate / 2, `original${round}`, original);
    await observePipeline(setting, workers, originalRate / 2, `calm${round}`, calm);
  }
  const p99 = (observed: Observed) => quantile(observed.visibleMs, 0.99);
  const note =
    "visible = found by SELECT, looked for every 2 ms; generator, broker, database and pipeline share this machine; the send is part of it";
  report.add({
    row: "9a",
    what: "event to ticket readable, p99 at half of the pipeline's rate",
    value: p99(busy),
    unit: "ms",
    target: { atMost: 100 },
    raw: rawOf(busy),
    note,
  });
  report.add({
    row: "9b",
    what: "the same / per-event design at half of its rate",
    value: p99(busy) / p99(original),
    target: { atMost: 2 },
    raw: rawOf(original),
  });
  report.add({
    row: "9c",
    what: "p99 of the pipeline at half of the per-event design's rate",
    value: p99(calm),
    unit: "ms",
    raw: rawOf(calm),
  });
  report.add({
    row: "9d",
    what: "the same / per-event design at that rate",
    value: p99(calm) / p99(original),
    raw: {},
  });
}

function rawOf({ visibleMs, acknowledgedMs, reached }: Observed): Record<string, number[]> {
  return {
    "visible ms": visibleMs,
    "visible ms, p90": [quantile(visibleMs, 0.9)],
    "visible ms, p99": [quantile(visibleMs, 0.99)],
    "acknowledged by Kafka ms": acknowledgedMs,
    "load, events/s": reached,
  };
}

async function fullRates(
  setting: Setting,
  { pipeline, original }: Workers,
): Promise<{ pipelineRate: number; originalRate: number }> {
  const topic = await setting.filledTopic(PARTITIONS, 200_000, STREAM);
  await pipelineOnce(setting, pipeline, topic);
  const { perSecond: pipelineRate } = await pipelineOnce(setting, pipeline, topic);
  const { perSecond: originalRate } = await originalOnce(setting, original, topic, {
    ways: 1,
    commitEach: true,
    seconds: 3,
  });
  return { pipelineRate, originalRate };
}

async function observePipeline(
  setting: Setting,
  workers: Workers,
  rate: number,
  name: string,
  into: Observed,
): Promise<void> {
  await using database = await setting.database();
  const topic = { topic: await setting.emptyTopic(PARTITIONS), partitions: PARTITIONS, records: 0 };
  const address = addressOf(database);
  await workers.pipeline.run("startPipeline", {
    ...setting.consumption(topic),
    database: address,
    rules: 0,
    fenced: true,
  });
  await observeWith(setting, workers, topic, rate, { name, table: "ticket", address }, into);
  await workers.pipeline.run("stopPipeline", null);
}

async function observeOriginal(
  setting: Setting,
  workers: Workers,
  rate: number,
  name: string,
  into: Observed,
): Promise<void> {
  await using database = await setting.database();
  const topic = {
    topic: await setting.emptyTopic(PARTITIONS),
    partitions: PARTITIONS,
    records: Number.MAX_SAFE_INTEGER,
  };
  const address = addressOf(database);
  const choice = { redisUrl: setting.services.redisUrl, ways: 1, commitEach: true, seconds: 3600 };
  await workers.original.run("startOriginal", { ...setting.consumption(topic), database: address, ...choice });
  await observeWith(setting, workers, topic, rate, { name, table: "tickets", address }, into);
  await workers.original.run("stopOriginal", null);
}

interface Target {
  readonly name: string;
  readonly table: "ticket" | "tickets";
  readonly address: ReturnType<typeof addressOf>;
}

async function observeWith(
  setting: Setting,
  { load, probe }: Workers,
  topic: FilledTopic,
  rate: number,
  target: Target,
  into: Observed,
): Promise<void> {
  const common = { brokers: setting.services.kafkaBrokers, topic: topic.topic, partitions: topic.partitions };
  const seconds = WARM_UP_SECONDS + PROBES / PROBES_PER_SECOND;
  const loading = load.run("produceAtRate", { ...common, stream: STREAM, rate: rate - PROBES_PER_SECOND, seconds });
  const probing = async (): Promise<ProbeOutput> => {
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_SECONDS * 1000));
    return await probe.run("probe", {
      ...common,
      database: target.address,
      table: target.table,
      probes: PROBES,
      perSecond: PROBES_PER_SECOND,
      name: target.name,
    });
  };
  const [reached, seen] = await Promise.all([loading, probing()]);
  into.reached.push(reached);
  into.visibleMs.push(...seen.visibleMs);
  into.acknowledgedMs.push(...seen.acknowledgedMs);
}
