// Runs the ratio benchmarks: all of them, or the rows named as arguments (1 2 4 5 9 10 11 12 13 growth).
// Prints a table and writes .reports/bench.json. With --profile, CPU profiles of the workers go to .reports/profiles.
import { parseArgs } from "node:util";
import { growth } from "./growth.ts";
import { packageVersion, Report } from "./report.ts";
import { copyRate } from "./rows-copy.ts";
import { latency } from "./rows-latency.ts";
import { detectSpeed, memoryOverTime, memoryPerDevice } from "./rows-process.ts";
import { takeOver } from "./rows-take-over.ts";
import { againstNoop, againstOriginal } from "./rows-throughput.ts";
import { Setting } from "./setting.ts";

type Measure = (setting: Setting, report: Report) => Promise<void>;

/** Rows that can do with fewer rounds do, so that all rows together stay below ten minutes. */
const BUDGET_SECONDS = 560;

/** In the order in which they run. */
const MEASURES: readonly { readonly rows: readonly string[]; readonly measure: Measure }[] = [
  { rows: ["13"], measure: detectSpeed },
  { rows: ["1"], measure: againstNoop },
  { rows: ["2", "4"], measure: againstOriginal },
  { rows: ["5"], measure: copyRate },
  { rows: ["12"], measure: takeOver },
  { rows: ["9"], measure: latency },
  { rows: ["11"], measure: memoryPerDevice },
  { rows: ["10"], measure: memoryOverTime },
  { rows: ["growth"], measure: growth },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { profile: { type: "boolean", default: false } },
});
const known = MEASURES.flatMap(({ rows }) => rows);
const unknown = positionals.filter((row) => !known.includes(row));
if (unknown.length > 0) throw new Error(`no such row: ${unknown.join(", ")}; there are ${known.join(", ")}`);

const report = new Report(BUDGET_SECONDS);
await using setting = await Setting.open({ profileFolder: values.profile ? ".reports/profiles" : undefined });
for (const { rows, measure } of MEASURES) {
  if (positionals.length > 0 && !rows.some((row) => positionals.includes(row))) continue;
  console.log(`measuring ${rows.join(", ")}`);
  try {
    await measure(setting, report);
  } catch (error) {
    report.fail(rows.join(", "), error);
    process.exitCode = 1;
  }
}
const packages = ["kafkajs", "pg", "ioredis"].map((name) => [name, packageVersion(name)]);
report.finish(".reports/bench.json", { ...(await setting.versions()), ...Object.fromEntries(packages) });
