// What an upgrade may change: nothing that Kubernetes refuses to change, no pod that need not restart, no replicas of others.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { at, CHART, hasHelm, type KubeObject, MAJORS, only, PATIENTLY, type RenderOptions, render } from "./helm.ts";

const folder = mkdtempSync(join(tmpdir(), "alertcast-chart-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A copy of the chart with version and appVersion raised, and nothing else. */
function chartOf(version: string): string {
  const chart = join(folder, version);
  cpSync(CHART, chart, { recursive: true });
  const file = join(chart, "Chart.yaml");
  const text = readFileSync(file, "utf8");
  const raised = text
    .replace(/^version: .*$/m, `version: ${version}`)
    .replace(/^appVersion: .*$/m, `appVersion: "${version}"`);
  expect(raised).not.toBe(text);
  writeFileSync(file, raised);
  return chart;
}

/** What Kubernetes refuses to change on an object that is there. */
function immutable(objects: readonly KubeObject[]): Record<string, unknown> {
  const parts = objects.map((object) => {
    const path = `${object.kind} ${object.metadata.name}`;
    switch (object.kind) {
      case "Deployment":
        return [path, at(object, "spec", "selector")];
      case "StatefulSet":
        return [path, ["selector", "serviceName", "volumeClaimTemplates"].map((field) => at(object, "spec", field))];
      case "Service":
        return [path, [at(object, "spec", "clusterIP"), at(object, "spec", "selector")]];
      case "RoleBinding":
      case "ClusterRoleBinding":
        return [path, object.roleRef];
      default:
        return [path, undefined];
    }
  });
  return Object.fromEntries(parts.filter(([, value]) => value !== undefined));
}

const byKind = (objects: readonly KubeObject[], ...kinds: string[]) =>
  objects.filter(({ kind }) => kinds.includes(kind));
const jobNames = (objects: readonly KubeObject[]) => byKind(objects, "Job").map(({ metadata }) => metadata.name);

describe.skipIf(!hasHelm())("H3 The second install", PATIENTLY, () => {
  const charts = ["0.2.0", "0.3.0"];

  describe.each(MAJORS)("with Helm %i", (major) => {
    test.each([
      ["the scaler on", ["scaler.enabled=true"]],
      ["the scaler off", ["scaler.enabled=false"]],
    ])("raising version and appVersion twice changes nothing immutable, %s", async (_, set) => {
      const before = await render({ major, set });
      for (const version of charts) {
        const after = await render({ major, set, chart: chartOf(version) });
        expect(immutable(after)).toEqual(immutable(before));
        const name = ({ kind, metadata }: KubeObject) => `${kind} ${metadata.name}`;
        const others = (objects: readonly KubeObject[]) => objects.filter(({ kind }) => kind !== "Job").map(name);
        expect(others(after), "the same objects").toEqual(others(before));
      }
    });
  });

  test("a raised version restarts neither the database nor Redis nor Kafka", async () => {
    const options: RenderOptions = { values: ["ci/full-values.yaml"] };
    const [before, after] = await Promise.all([render(options), render({ ...options, chart: chartOf("0.2.0") })]);
    for (const set of byKind(before, "StatefulSet")) {
      expect(at(only(after, "StatefulSet", set.metadata.name), "spec"), set.metadata.name).toEqual(set.spec);
    }
    // Strimzi hands labels on to its pods.
    const kafka = (objects: readonly KubeObject[]) =>
      objects.filter(({ apiVersion }) => apiVersion.startsWith("kafka."));
    expect(kafka(before).length).toBeGreaterThan(5);
    expect(kafka(after)).toEqual(kafka(before));
  });

  test("the set-up Job is another one exactly when image or inputs have changed, and its template never changes in place", async () => {
    const image = ["image.tag=v1"];
    const [before] = jobNames(await render({ set: image }));
    const job = only(await render({ set: image }), "Job", String(before));
    const same = [
      render({ set: image, chart: chartOf("0.2.0") }),
      render({ set: [...image, "api.replicas=5"] }),
      render({ set: [...image, "networkPolicy.enabled=false"] }),
      render({ set: [...image, "scaler.enabled=false"] }),
      render({ set: image, major: 4 }),
    ];
    for (const objects of await Promise.all(same)) expect(only(objects, "Job", String(before)).spec).toEqual(job.spec);
    const other = [
      render({ set: ["image.tag=v2"] }),
      render({ set: [...image, "postgresql.database=other"] }),
      render({ set: [...image, "setup.backoffLimit=1"] }),
      render({ set: [...image, "commonLabels.a=b"] }),
      render({ chart: chartOf("0.3.0") }),
    ];
    const names = (await Promise.all(other)).map((objects) => jobNames(objects).join());
    expect(new Set([before, ...names]).size).toBe(other.length + 1);
  });

  test("no password is rendered, so none can change", async () => {
    const objects = await render();
    expect(byKind(objects, "Secret")).toEqual([]);
    expect(JSON.stringify(objects)).not.toMatch(/"(stringData|password)":/);
  });
});

describe.skipIf(!hasHelm())("replicas", PATIENTLY, () => {
  const replicas = async (name: string, set: readonly string[]) =>
    Object.keys(Object(only(await render({ set }), "Deployment", `alertcast-${name}`).spec)).includes("replicas");

  test("are left out where the scaler or an HPA owns them, and rendered elsewhere", async () => {
    expect(await replicas("processor", [])).toBe(false);
    expect(await replicas("processor", ["scaler.enabled=false"])).toBe(true);
    for (const name of ["api", "ingestor"]) {
      expect(await replicas(name, [])).toBe(true);
      expect(await replicas(name, [`${name}.autoscaling.enabled=true`])).toBe(false);
    }
  });

  test("without the scaler there is neither operator nor LagScaler nor its Kafka user", async () => {
    const objects = await render({ set: ["scaler.enabled=false"] });
    expect(objects.filter(({ kind, metadata }) => kind === "LagScaler" || metadata.name.includes("operator"))).toEqual(
      [],
    );
  });
});

describe.skipIf(!hasHelm())("other rules", PATIENTLY, () => {
  test("make other processors, as rules are read at the start", async () => {
    const annotations = async (inline: string) =>
      at(
        only(await render({ set: [`rules.inline=${inline}`] }), "Deployment", "alertcast-processor"),
        "spec",
        "template",
        "metadata",
        "annotations",
      );
    expect(await annotations("a")).toEqual(await annotations("a"));
    expect(await annotations("a")).not.toEqual(await annotations("b"));
  });
});
