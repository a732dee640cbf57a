import { expect, test } from "vitest";
import { createMetrics } from "./catalogue.ts";
import { createLogger } from "./logger.ts";

test("a log line is one JSON object with a constant message, a named level and the error under err", () => {
  const lines: string[] = [];
  const logger = createLogger({ component: "ingestor", destination: { write: (line) => lines.push(line) } });
  logger.debug("not at this level");
  logger.info("started");
  logger.error({ err: new Error("no answer"), partition: 3 }, "append failed");
  expect(lines).toHaveLength(2);
  const [started, failed] = lines.map((line) => JSON.parse(line));
  expect(started).toMatchObject({ level: "info", component: "ingestor", msg: "started" });
  expect(failed).toMatchObject({ level: "error", partition: 3, msg: "append failed", err: { message: "no answer" } });
  expect(new Date(failed.time).toISOString()).toBe(failed.time);
});

test("known label sets start at 0 and unknown ones do not exist", async () => {
  const { registry } = createMetrics(["ingestor", "processor"], { version: "1.2.3", processMetrics: false });
  const text = await registry.metrics();
  expect(text).toContain('alertcast_events_received_total{source="http"} 0');
  expect(text).toContain('alertcast_events_rejected_total{source="http",code="too-large"} 0');
  expect(text).toContain('alertcast_ingest_duration_seconds_count{source="http",class="5xx"} 0');
  expect(text).toContain("alertcast_ticks_appended_total 0");
  expect(text).toContain('alertcast_tickets_reopened_total{severity="low",why="still-failing"} 0');
  expect(text).toContain('alertcast_build_info{component="processor",version="1.2.3"} 1');
  expect(text).not.toMatch(/^alertcast_tickets_opened_total\{/m);
});

test("a component exports its own metrics only, with Node's", async () => {
  const metrics = createMetrics("ingestor");
  metrics.ticketsOpened.inc({ rule: "device-offline", severity: "critical" });
  const text = await metrics.registry.metrics();
  expect(text).not.toContain("alertcast_tickets_opened_total");
  expect(text).not.toContain("alertcast_counters_age_seconds");
  expect(text).toContain("process_resident_memory_bytes");
});
