// A real Prometheus scrapes real services under a little load: every metric of the catalogue and every panel has data.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMPONENTS, createMetrics } from "../../pkg/telemetry/catalogue.ts";
import { type Cluster, type Running, startCluster } from "../cluster.ts";
import { waitFor } from "../harness/wait.ts";
import { type RawTopic, rawTopic } from "../raw.ts";
import { ALERTS, alerts, dashboards, SCALER_DASHBOARD } from "./files.ts";
import { untilData } from "./panels.ts";
import { hasPrometheus, startPrometheus } from "./programs.ts";

let cluster: Cluster;
let raw: RawTopic;
let ingestor: Running;
let processor: Running;
let api: Running;
const stack = new AsyncDisposableStack();

beforeAll(async () => {
  cluster = stack.use(await startCluster({ partitions: 3 }));
  raw = stack.use(await rawTopic(cluster.brokers, cluster.topic));
  [ingestor, processor, api] = await Promise.all([cluster.ingestor(), cluster.processor("p1"), cluster.api()]);
  for (const { url } of [ingestor, processor, api]) {
    await waitFor(async () => (await fetch(`${url}/readyz`)).ok, { what: "the services to be ready" });
  }
});

afterAll(() => stack.disposeAsync());

let rounds = 0;

/** Events that open, resolve and reopen tickets, are refused, repeated, late and poison, and questions to the API. */
async function loadRound(): Promise<void> {
  const n = rounds++;
  const hot = n % 2 === 0;
  const events = Array.from({ length: 20 }, (_, i) => ({
    device_id: `dev-${i}`,
    status: hot && i % 3 === 0 ? "offline" : "online",
    temperature: hot ? 91 : 55,
    region: "eu",
    event_id: `${n}-${i}`,
  }));
  const fresh = { device_id: `new-${n}`, status: "offline" };
  const body = JSON.stringify([...events, fresh, { device_id: "", status: 7 }]);
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${ingestor.url}/api/v1/events`, { method: "POST", headers, body });
  expect(answer.status).toBe(202);
  await answer.body?.cancel();
  await raw.send([
    { key: "dev-1", value: null },
    { key: "dev-0", value: JSON.stringify(events[0]) },
    { key: "dev-2", value: '{"device_id": "dev-2"' },
  ]);
  for (const path of [
    "/stats",
    "/tickets/recent?limit=3",
    "/api/v1/tickets?limit=2",
    "/api/v1/dead-letters",
    "/nothing",
  ]) {
    await (await fetch(api.url + path)).body?.cancel();
  }
}

describe("the services", () => {
  test("show every metric of the catalogue that belongs to them, and none of another's", async () => {
    const { declared } = createMetrics([...COMPONENTS], { processMetrics: false });
    const urls = { ingestor: ingestor.url, processor: processor.url, api: api.url };
    await waitFor(
      async () => {
        await loadRound();
        for (const [component, url] of Object.entries(urls)) {
          const text = await (await fetch(`${url}/metrics`)).text();
          for (const { name, type, components } of declared) {
            const sample = new RegExp(`^${name}${type === "histogram" ? "_count" : ""}[{ ]`, "m");
            const owns = components.includes(component);
            if (sample.test(text) !== owns) throw new Error(`${component} ${owns ? "lacks" : "shows"} ${name}`);
          }
        }
        return true;
      },
      { what: "every metric to be shown", deadlineMs: 120_000 },
    );
  });

  test("count events and no ticks: what was processed is what was accepted and what came to Kafka directly", async () => {
    const value = async (url: string, name: string) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const samples = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"));
      return [...samples].reduce((sum, [, number]) => sum + Number(number), 0);
    };
    const ticks = await value(ingestor.url, "alertcast_ticks_appended_total");
    expect(ticks).toBeGreaterThan(0);
    const accepted = await value(ingestor.url, "alertcast_events_accepted_total");
    const direct = rounds * 3;
    const processed = () => value(processor.url, "alertcast_events_processed_total");
    await waitFor(async () => (await processed()) >= accepted + direct, { what: "all events to be processed" });
    expect(await processed()).toBe(accepted + direct);
    // The rules saw all of them but the poison (two of three direct records).
    const evaluated = await value(processor.url, 'alertcast_rules_evaluated_total{rule="device-offline"[^}]*}');
    const late = await value(processor.url, "alertcast_events_late_total");
    const repeated = await value(processor.url, "alertcast_events_repeated_total");
    expect(evaluated + late).toBeLessThanOrEqual(accepted + rounds);
    expect(evaluated + late).toBeGreaterThanOrEqual(accepted + rounds - repeated);
  });
});

describe.skipIf(!hasPrometheus())("Prometheus", () => {
  test("gets data for every query of every panel but the Scaler's, and evaluates every alert", {
    timeout: 400_000,
  }, async () => {
    const targets = [ingestor, processor, api].map(({ port }) => `127.0.0.1:${port}`);
    await using prometheus = await startPrometheus({ targets, ruleFile: ALERTS });
    // No operator runs here: the Scaler's panels have their data in test/kube/scaler-dashboard.kube.test.ts.
    const seen = dashboards().filter(({ file }) => file !== SCALER_DASHBOARD);
    expect(seen.length).toBeGreaterThan(2);
    await untilData(prometheus, seen, loadRound);
    const { data } = (await prometheus.get("/api/v1/rules")) as {
      data: { groups: { rules: { name: string; health: string }[] }[] };
    };
    const rules = data.groups.flatMap((group) => group.rules);
    expect(rules.map(({ name, health }) => `${name} ${health}`)).toEqual(alerts().map(({ alert }) => `${alert} ok`));
  });
});
