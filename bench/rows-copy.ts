// Row 5: how fast tickets are made when every event alerts, beside PostgreSQL's own COPY of the same ticket rows.
import { perCpuSecond, perSecond, pipelineOnce } from "./contenders.ts";
import { copy } from "./copy.ts";
import type { Report } from "./report.ts";
import { addressOf, type FilledTopic, query, type Setting } from "./setting.ts";
import { medianRatio } from "./stats.ts";
import type { PipelineMeasured } from "./worker/pipeline.ts";

const ROUNDS = 5;
const PARTITIONS = 4;

/** Row 5. */
export async function copyRate(setting: Setting, report: Report): Promise<void> {
  await using worker = setting.worker("pipeline-100");
  const opening = await setting.filledTopic(PARTITIONS, 50_000, { devices: 0, alerting: 1, seed: 5 });
  const repeating = await setting.filledTopic(PARTITIONS, 100_000, {
    devices: 1000,
    alerting: 1,
    steady: true,
    seed: 5,
  });
  const rows = await ticketRows(setting, opening);
  const opened: PipelineMeasured[] = [];
  const repeated: PipelineMeasured[] = [];
  const copied: number[] = [];
  await pipelineOnce(setting, worker, opening);
  for (let round = 0; round < ROUNDS; round++) {
    opened.push(await pipelineOnce(setting, worker, opening));
    copied.push(await copyOnce(setting, rows, opening.records));
    repeated.push(await pipelineOnce(setting, worker, repeating));
  }
  const raw = {
    "events/s": perSecond(opened),
    "events per CPU second": perCpuSecond(opened),
    "COPY rows/s": copied,
    "bytes per COPY row": [rows.length / opening.records],
  };
  const note =
    "COPY of the very same ticket rows as text over the driver, one transaction, all indexes and constraints of the table; the pipeline writes a history row and counts besides";
  report.add({
    row: "5a",
    what: "events/s when every event opens a ticket / COPY rows/s",
    value: medianRatio(perSecond(opened), copied),
    target: { atLeast: 0.35 },
    raw,
    note,
  });
  const raw2 = {
    "events/s": perSecond(repeated),
    "events per CPU second": perCpuSecond(repeated),
    "history rows": repeated.map((run) => run.ticketEvents),
  };
  report.add({
    row: "5b",
    what: "events/s when 1,000 devices alert all the time / COPY rows/s",
    value: medianRatio(perSecond(repeated), copied),
    raw: raw2,
  });
}

/** The tickets that the pipeline makes of the topic, as COPY text. */
async function ticketRows(setting: Setting, topic: FilledTopic): Promise<Buffer> {
  await using worker = setting.worker("tickets");
  await using database = await setting.database();
  await worker.run("runPipeline", {
    ...setting.consumption(topic),
    database: addressOf(database),
    rules: 0,
    fenced: true,
  });
  return (await copy(database, "COPY ticket TO STDOUT")).output;
}

async function copyOnce(setting: Setting, rows: Buffer, count: number): Promise<number> {
  await using database = await setting.database();
  await query(database, "INSERT INTO rule_set (id, hash, source) VALUES (0, 'bench', '{}')");
  const { ms } = await copy(database, "COPY ticket FROM STDIN", rows);
  const { rows: found } = await query(database, "SELECT count(*)::int AS n FROM ticket");
  if (found[0]?.n !== count) throw new Error(`${found[0]?.n} tickets instead of ${count}`);
  return (count / ms) * 1000;
}
