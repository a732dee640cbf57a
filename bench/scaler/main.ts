// `make bench-scaler`: our decision function against KEDA's formula over ten traces. Settings are chosen on the even seeds and
// reported on the odd ones; every point is printed, also those where the others win.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { drawFront, type Point } from "./draw.ts";
import { keda, type OurSettings, ours, type Policy } from "./policies.ts";
import { type Figures, play, total } from "./run.ts";
import { TRACES } from "./traces.ts";

const SEEDS = Array.from({ length: 20 }, (_, i) => 1000 + i);
const TUNING = SEEDS.filter((seed) => seed % 2 === 0);
const REPORTED = SEEDS.filter((seed) => seed % 2 === 1);
const COMMITS = [1, 5];
const THRESHOLDS = [10, 30, 100, 300, 1000];
/** A violation minute weighs as much as so many replica hours when one setting of ours has to be chosen. */
const WEIGHT = 1;
const SETTINGS: readonly OurSettings[] = [0.7, 0.8, 0.9].flatMap((targetUtilization) =>
  [120, 300, 600].map((scaleDownWindowSeconds) => ({ targetUtilization, scaleDownWindowSeconds })),
);

interface Contender {
  readonly name: string;
  readonly make: (commitSeconds: number) => Policy;
}

const nameOf = (s: OurSettings) => `ours ${s.targetUtilization}/${s.scaleDownWindowSeconds}s`;
const contenders: Contender[] = [
  ...SETTINGS.map((s) => ({ name: nameOf(s), make: (commit: number) => ours(nameOf(s), commit, s) })),
  ...THRESHOLDS.map((t) => ({ name: `KEDA T=${t}`, make: () => keda(`KEDA T=${t}`, t) })),
];

function runAll(contender: Contender, commit: number, seeds: readonly number[]): Figures[][] {
  return TRACES.map((trace) => seeds.map((seed) => play(trace, seed, commit, contender.make(commit))));
}

function row(name: string, f: Figures, note = ""): string {
  const cells = [f.violationMinutes, f.replicaHours, f.rebalances, f.worstLag].map((n) => n.toFixed(0).padStart(12));
  return `${name.padEnd(18)}${cells.join("")}  ${note}`;
}

const HEAD = `${"".padEnd(18)}${["violations", "replicas", "rebalances", "worst lag"].map((h) => h.padStart(12)).join("")}
${"".padEnd(18)}${["min", "h", "", "s"].map((h) => h.padStart(12)).join("")}`;

function isDominated(of: Figures, all: readonly Figures[]): boolean {
  return all.some(
    (by) =>
      by.violationMinutes <= of.violationMinutes &&
      by.replicaHours <= of.replicaHours &&
      by.rebalances <= of.rebalances &&
      (by.violationMinutes < of.violationMinutes || by.replicaHours < of.replicaHours || by.rebalances < of.rebalances),
  );
}

function chosen(commit: number): string {
  const own = contenders.filter(({ name }) => name.startsWith("ours"));
  const costs = own.map((contender) => {
    const sum = total(runAll(contender, commit, TUNING).flat());
    return { name: contender.name, cost: sum.violationMinutes * WEIGHT + sum.replicaHours };
  });
  costs.sort((a, b) => a.cost - b.cost);
  return costs[0]?.name ?? "";
}

const points: Point[] = [];
for (const commit of COMMITS) {
  const best = chosen(commit);
  const results = contenders.map((contender) => ({ contender, runs: runAll(contender, commit, REPORTED) }));
  const sums = results.map(({ runs }) => total(runs.flat()));
  console.log(
    `\ncommit every ${commit} s, ${TRACES.length} traces x ${REPORTED.length} seeds; chosen on the other ${TUNING.length} seeds: ${best}`,
  );
  console.log(HEAD);
  results.forEach(({ contender }, i) => {
    const sum = sums[i];
    if (sum === undefined) return;
    const dominated = isDominated(sum, sums);
    console.log(
      row(
        contender.name,
        sum,
        `${dominated ? "dominated" : "on the front"}${contender.name === best ? ", chosen" : ""}`,
      ),
    );
    points.push({ ...sum, name: contender.name, commit, front: !dominated, chosen: contender.name === best });
  });
  console.log(`\nby trace (violation minutes / replica hours / rebalances / worst lag, s)`);
  const shown = results.filter(({ contender }) => contender.name === best || /T=(10|100|1000)$/.test(contender.name));
  console.log(`${"".padEnd(18)}${shown.map(({ contender }) => contender.name.padStart(28)).join("")}`);
  TRACES.forEach((trace, t) => {
    const cells = shown.map(({ runs }) => {
      const sum = total(runs[t] ?? []);
      const cell = [sum.violationMinutes, sum.replicaHours, sum.rebalances, sum.worstLag].map((n) => n.toFixed(0));
      return cell.join(" / ").padStart(28);
    });
    console.log(`${trace.name.padEnd(18)}${cells.join("")}`);
  });
}
const file = join(import.meta.dirname, "../../docs/scaler-front.svg");
writeFileSync(file, drawFront(points));
console.log("\ndrawn: docs/scaler-front.svg");
