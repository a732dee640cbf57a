import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { COMPONENTS, createMetrics } from "./catalogue.ts";
import { observeQueries, showPool } from "./queries.ts";
import { noTracing } from "./tracing.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const NAME = /^alertcast_[a-z]+(_[a-z]+)+$/;

/** The text of all that runs in production, but for the catalogue itself. */
function sources(): string {
  const files = ["cmd", "pkg"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== "telemetry/catalogue.ts")
      .map((file) => readFileSync(join(ROOT, folder, file), "utf8")),
  );
  return files.join("\n");
}

test("every declared metric is set somewhere", () => {
  const text = sources();
  const { registry, declared, onScrape, ...metrics } = createMetrics([...COMPONENTS], { processMetrics: false });
  expect([registry, onScrape]).toHaveLength(2);
  expect(Object.keys(metrics)).toHaveLength(declared.length);
  // buildInfo is set by the catalogue.
  const dead = Object.keys(metrics).filter((key) => key !== "buildInfo" && !new RegExp(`\\.${key}\\b`).test(text));
  expect(dead).toEqual([]);
});

test("names are unique and say what they count in the customary way", () => {
  const { declared } = createMetrics([...COMPONENTS], { processMetrics: false });
  expect(new Set(declared.map(({ name }) => name)).size).toBe(declared.length);
  for (const { name, type, help, components } of declared) {
    expect(name).toMatch(NAME);
    expect(name.endsWith("_total"), name).toBe(type === "counter");
    if (type === "histogram") expect(name).toMatch(/_seconds$/);
    expect(help.length, name).toBeGreaterThan(5);
    expect(components.length, name).toBeGreaterThan(0);
  }
});

test("no label can hold what a device or a ticket is called", () => {
  const { declared } = createMetrics([...COMPONENTS], { processMetrics: false });
  const open = new Set(
    declared.flatMap(({ labels }) =>
      Object.entries(labels).flatMap(([label, values]) => (values === undefined ? [label] : [])),
    ),
  );
  // Rules of the file, routes, statements, partitions, our own processes, LagScalers, decisions: all of them few.
  expect([...open].sort()).toEqual([
    "component",
    "dependency",
    "method",
    "partition",
    "query",
    "reason",
    "route",
    "rule",
    "scaler",
    "topic",
    "version",
  ]);
});

test("a statement's time is counted under its name, whether it is answered or fails", async () => {
  const metrics = createMetrics("api", { processMetrics: false });
  const observe = observeQueries(metrics, noTracing);
  expect(await observe("get-ticket", async () => 7)).toBe(7);
  await expect(observe("get-ticket", () => Promise.reject(new Error("away")))).rejects.toThrow("away");
  const text = await metrics.registry.metrics();
  expect(text).toContain('alertcast_postgres_query_duration_seconds_count{query="get-ticket"} 2');
});

test("connections are shown as they are when they are asked for", async () => {
  const metrics = createMetrics("api", { processMetrics: false });
  const pool = { totalCount: 0, idleCount: 0, waitingCount: 0 };
  showPool(metrics, pool);
  Object.assign(pool, { totalCount: 5, idleCount: 2, waitingCount: 1 });
  const text = await metrics.registry.metrics();
  expect(text).toContain('alertcast_postgres_connections{state="busy"} 3');
  expect(text).toContain('alertcast_postgres_connections{state="idle"} 2');
  expect(text).toContain('alertcast_postgres_connections{state="waiting"} 1');
});
