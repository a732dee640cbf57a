import { expect, test } from "vitest";
import { TICK_HEADER } from "../log/headers.ts";
import type { LogRecord } from "../log/log.ts";
import { Detector } from "../rule/detect.ts";
import { createMemory } from "../rule/partition-memory.ts";
import { parseRuleFile } from "../rule/rule-file.ts";
import { createMetrics } from "../telemetry/catalogue.ts";
import { applyRecord } from "./apply-record.ts";
import { processorMetrics } from "./metrics.ts";
import { Pending } from "./pending.ts";

const RULES = `
apiVersion: alertcast/v1
rules:
  - {id: offline, severity: critical, when: event.status == "offline", reason: Offline}
  - {id: warm, severity: high, when: event.temperature > 85, reason: Warm}
  - {id: off, severity: low, when: event.temperature > 1, reason: Off, enabled: false}
`;

/** Applies records of one partition, as a worker does, and returns what would be scraped. */
async function scrapedAfter(records: readonly (object | null)[]): Promise<string> {
  const parsed = parseRuleFile(RULES);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  const metrics = createMetrics("processor", { processMetrics: false });
  const observer = processorMetrics(metrics, "events", () => 10_000);
  observer.started(parsed.ruleSet);
  const detector = new Detector(createMemory(), parsed.ruleSet);
  const place = { partition: 0, partitions: 1, knows: (id: string) => detector.knows(id) };
  const pending = new Pending(0);
  records.forEach((value, offset) => {
    const record: LogRecord = {
      offset,
      appendTimeMs: 1000 + offset,
      key: null,
      value: value === null ? null : Buffer.from(JSON.stringify(value)),
      headers: value === null ? { [TICK_HEADER]: "1" } : {},
    };
    if (applyRecord(detector, record, place, pending)) pending.events++;
  });
  observer.counted(detector.takeCounts(), pending.events);
  observer.committed({ outcome: "already" }, pending, 5);
  return metrics.registry.metrics();
}

const healthy = (n: number) => ({ device_id: "a", status: "online", temperature: 20 + n });

test("each event is evaluated once by each rule in force: true, unknown, and false is the rest", async () => {
  const text = await scrapedAfter([
    healthy(1),
    healthy(2),
    { device_id: "a", status: "offline", temperature: 90 },
    { device_id: "b", status: "offline" },
    healthy(3),
    null,
    { device_id: "", status: 1 },
  ]);
  const of = (rule: string) =>
    ["true", "false", "unknown"].map((result) =>
      Number(
        new RegExp(`^alertcast_rules_evaluated_total\\{rule="${rule}",result="${result}"\\} (\\d+)$`, "m").exec(
          text,
        )?.[1],
      ),
    );
  expect(of("offline")).toEqual([2, 3, 0]);
  expect(of("warm")).toEqual([1, 3, 1]);
  expect(text).not.toContain('rule="off"');
});

test("what an alarm has taken before is repeated, and not evaluated again", async () => {
  const event = { device_id: "a", status: "offline", temperature: 20, event_id: "1" };
  const text = await scrapedAfter([event, event]);
  expect(text).toContain('alertcast_rules_evaluated_total{rule="offline",result="true"} 1');
  expect(text).toContain('alertcast_rules_evaluated_total{rule="offline",result="false"} 0');
  expect(text).toContain("alertcast_events_repeated_total 1");
});

test("ticks are no events; poison is one that was dealt with", async () => {
  const text = await scrapedAfter([healthy(1), null, null, { device_id: "" }]);
  expect(text).toContain("alertcast_events_processed_total 2");
  expect(text).toContain('alertcast_events_quarantined_total{code="bad-value"} 1');
});

test("a rule's label sets are there at 0 before it has seen anything, and the set in force has a name", async () => {
  const text = await scrapedAfter([]);
  expect(text).toContain('alertcast_rules_evaluated_total{rule="warm",result="unknown"} 0');
  expect(text).toContain('alertcast_tickets_opened_total{rule="offline",severity="low"} 0');
  expect(text).toContain('alertcast_ruleset_loads_total{outcome="applied"} 1');
  expect(text).toContain('alertcast_ruleset_loads_total{outcome="refused"} 0');
  expect(text).toMatch(/alertcast_ruleset_info\{version="[0-9a-f]{12}"\} 1/);
});

test("an outage of a dependency is shown until it answers again", async () => {
  const metrics = createMetrics("processor", { processMetrics: false });
  const observer = processorMetrics(metrics, "events", () => 0);
  observer.failed();
  observer.logAnswers(true);
  let text = await metrics.registry.metrics();
  expect(text).toContain('alertcast_dependency_up{component="processor",dependency="postgres"} 0');
  expect(text).toContain('alertcast_dependency_up{component="processor",dependency="kafka"} 1');
  observer.committed({ outcome: "fenced" }, new Pending(0), 1);
  observer.logAnswers(false);
  text = await metrics.registry.metrics();
  expect(text).toContain('alertcast_dependency_up{component="processor",dependency="postgres"} 1');
  expect(text).toContain('alertcast_dependency_up{component="processor",dependency="kafka"} 0');
});

test("phases of a batch are told apart", async () => {
  const metrics = createMetrics("processor", { processMetrics: false });
  const observer = processorMetrics(metrics, "events", () => 0);
  observer.waited(500);
  observer.detected(300, 100);
  const text = await metrics.registry.metrics();
  expect(text).toContain('alertcast_batch_duration_seconds_sum{phase="wait"} 0.5');
  expect(text).toContain('alertcast_batch_duration_seconds_sum{phase="decode"} 0.1');
  expect(text).toContain('alertcast_batch_duration_seconds_sum{phase="rules"} 0.2');
});
