// Row 12: what it costs a new owner to rebuild a partition's memory, beside consuming the same entries live.
import { freshDatabase } from "../test/harness/database.ts";
import type { Report } from "./report.ts";
import { addressOf, type Setting } from "./setting.ts";
import { median, medianRatio } from "./stats.ts";

const ROUNDS = 5;
const DEVICES = 100_000;
const REPLAYED = 200_000;
const NEVER = { snapshotEveryEntries: Number.MAX_SAFE_INTEGER, snapshotEveryMs: Number.MAX_SAFE_INTEGER };

/** Row 12. */
export async function takeOver(setting: Setting, report: Report): Promise<void> {
  await using worker = setting.worker("take-over");
  // Each device once, and a snapshot with each commit: the last one holds all devices and nothing lies behind it.
  const fleet = await setting.filledTopic(1, DEVICES, { devices: 0, alerting: 0, seed: 12 });
  await using afterFleet = await setting.database();
  const consumption = setting.consumption(fleet);
  const common = { ...consumption, rules: 0, fenced: true };
  await worker.run("runPipeline", { ...common, database: addressOf(afterFleet), limits: { snapshotEveryEntries: 1 } });
  await setting.append(fleet.topic, 1, REPLAYED, { devices: DEVICES, alerting: 0.01, seed: 120 });
  const live: number[] = [];
  const takeOvers: number[] = [];
  const replayed: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    await using database = await freshDatabase({ template: afterFleet.database });
    const input = { ...common, database: addressOf(database), limits: NEVER };
    const consumed = await worker.run("runPipeline", { ...input, records: REPLAYED });
    const taken = await worker.run("takeOver", input);
    if (round < 0) continue;
    live.push((REPLAYED / consumed.perSecond) * 1000);
    takeOvers.push(taken.ms);
    replayed.push(taken.replayed);
  }
  if (median(replayed) < REPLAYED) throw new Error(`only ${median(replayed)} records were replayed`);
  const raw = {
    "take-over ms, from assignment to live": takeOvers,
    "live ms, from first batch to last commit": live,
    "records read again": replayed,
  };
  report.add({
    row: "12",
    what: "taking over 100,000 devices, replaying 200,000 entries / consuming those live",
    value: medianRatio(takeOvers, live),
    target: { atMost: 1.2 },
    raw,
  });
}
