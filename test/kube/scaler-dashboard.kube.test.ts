// The Scaler dashboard's panels have data: a real Prometheus scrapes the real operator and a processor that it looks after.
import { beforeAll, describe, expect, test } from "vitest";
import { hasHelm } from "../chart/helm.ts";
import { startCluster } from "../cluster.ts";
import { waitFor } from "../harness/wait.ts";
import { ALERTS, dashboards, SCALER_DASHBOARD } from "../monitoring/files.ts";
import { untilData } from "../monitoring/panels.ts";
import { hasPrometheus, startPrometheus } from "../monitoring/programs.ts";
import { chartCrds, cluster, installCrds } from "./control-plane/cluster.ts";
import { newDeployment, newLagScaler } from "./lag-scaler.ts";
import { grantRights, operatorRights, startOperator, TARGET } from "./operator.ts";

describe.skipIf(!(hasHelm() && hasPrometheus()))("the Scaler dashboard", () => {
  const kube = cluster();
  beforeAll(() => installCrds(kube.api, chartCrds()));

  test("shows in every panel what the operator sees of a processor at work", { timeout: 600_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const services = stack.use(await startCluster({ partitions: 3 }));
    const { name: namespace } = stack.use(await kube.newNamespace());
    await grantRights(kube, namespace, await operatorRights());
    await kube.api.apply(newDeployment(namespace, TARGET, 1));
    const processor = await services.processor("p1");
    await services.ingestor({ INGEST_RATE: "50" });
    const processed = async () =>
      /^alertcast_events_processed_total [1-9]/m.test(await (await fetch(`${processor.url}/metrics`)).text());
    await waitFor(processed, { what: "the first events to be processed", deadlineMs: 120_000 });

    const operator = stack.use(await startOperator(kube, namespace, "only"));
    const { brokers, topic, env } = services;
    const kafka = { brokers, groupId: env.CONSUMER_GROUP, topics: [topic] };
    await kube.api.apply(newLagScaler(namespace, "demo", { targetRef: { name: TARGET }, kafka }));
    const targets = [operator, processor].map(({ url }) => new URL(url).host);
    const prometheus = stack.use(await startPrometheus({ targets, ruleFile: ALERTS }));
    const scaler = dashboards().filter(({ file }) => file === SCALER_DASHBOARD);
    await untilData(prometheus, scaler, async () => {});

    const first = async (expr: string) => (await prometheus.query(expr))[0]?.value;
    const arrives = async () => Number(await first("max(alertcast_scaler_arrival_rate)")) > 1;
    await waitFor(arrives, { what: "the arrival rate", deadlineMs: 120_000 });
    expect(await first('count(alertcast_build_info{component="processor"})')).toBe(1);
    expect(await first("max(alertcast_scaler_desired_replicas)")).toBe(1);
    expect(await first("sum(alertcast_scaler_is_leader)")).toBe(1);
  });
});
