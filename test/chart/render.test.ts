// Every file of values that is meant to work lints and renders, the same each time and with both Helms.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import {
  at,
  CHART,
  hasHelm,
  type KubeObject,
  lint,
  listAt,
  MAJORS,
  only,
  PATIENTLY,
  parseObjects,
  podOf,
  render,
  renderText,
  VALUES_FILES,
} from "./helm.ts";

/** An order of its own: Helm 3 and Helm 4 may list kinds they do not know differently. */
function sorted(objects: readonly KubeObject[]): string[] {
  return objects.map((object) => JSON.stringify(object)).sort();
}

describe.skipIf(!hasHelm())("the chart", PATIENTLY, () => {
  describe.each(VALUES_FILES)("with %s", (file) => {
    test.each(MAJORS)("passes helm lint --strict of Helm %i", async (major) => {
      await lint(major, file);
    });

    test("renders byte-equal twice, and the same objects with Helm 3 and Helm 4", async () => {
      const [first, second, other] = await Promise.all([
        renderText({ values: [file] }),
        renderText({ values: [file] }),
        renderText({ values: [file], major: 4 }),
      ]);
      expect(second).toBe(first);
      expect(await renderText({ values: [file], major: 4 })).toBe(other);
      expect(sorted(parseObjects(other))).toEqual(sorted(parseObjects(first)));
    });

    test("gives every object a name of its own, its namespace and the release's labels", async () => {
      const objects = await render({ values: [file] });
      const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace} ${metadata.name}`);
      expect(names.length).toBe(new Set(names).size);
      for (const object of objects.filter(({ metadata }) => !metadata.name.endsWith("-extra"))) {
        expect(object.metadata.labels, object.metadata.name).toMatchObject({
          "app.kubernetes.io/name": "alertcast",
          "app.kubernetes.io/instance": "alertcast",
          "app.kubernetes.io/part-of": "alertcast",
        });
        if (!object.kind.startsWith("Cluster")) expect(object.metadata.namespace, object.metadata.name).toBeDefined();
      }
    });
  });

  test("cuts names so that what Strimzi adds to them stays within 63 characters", async () => {
    const objects = await render({ release: "a".repeat(53), values: ["ci/full-values.yaml"] });
    for (const { kind, metadata } of objects) expect(metadata.name.length, `${kind} ${metadata.name}`).toBeLessThan(64);
    const kafka = objects.find(({ kind }) => kind === "Kafka");
    expect(`${kafka?.metadata.name}-cluster-ca-cert`.length).toBeLessThan(64);
  });

  test("every pod's ServiceAccount is made, unless the values say that it exists", async () => {
    for (const values of VALUES_FILES) {
      const objects = await render({ values: [values] });
      const pods = objects.flatMap((object) => podOf(object) ?? []);
      for (const pod of pods) {
        const account = at(pod, "spec", "serviceAccountName");
        if (account === undefined || values === "ci/minimal-values.yaml") continue;
        only(objects, "ServiceAccount", String(account));
      }
    }
  });

  test("a pod of the cluster's own Secrets waits for what Strimzi makes under the user's name", async () => {
    const objects = await render();
    for (const component of ["ingestor", "processor", "operator"]) {
      const volumes = at(only(objects, "Deployment", `alertcast-${component}`), "spec", "template", "spec", "volumes");
      expect(volumes).toContainEqual(
        expect.objectContaining({
          name: "kafka",
          secret: expect.objectContaining({ secretName: `alertcast-${component}` }),
        }),
      );
      expect(only(objects, "KafkaUser", `alertcast-${component}`)).toBeDefined();
    }
  });

  test.each(["ci/default-values.yaml", "ci/external-values.yaml"])(
    "the API's pod of %s waits for nothing of Kafka, which it does not use",
    async (values) => {
      const pod = at(only(await render({ values: [values] }), "Deployment", "alertcast-api"), "spec", "template");
      const volumes = listAt(pod, "spec", "volumes").map((volume) => at(volume, "name"));
      expect(volumes).toEqual(expect.arrayContaining(["postgresql", "redis"]));
      expect(JSON.stringify(pod)).not.toMatch(/kafka|TOPIC|CONSUMER/i);
    },
  );
});

test("the chart's appVersion is the package's version", () => {
  const chart: unknown = parse(readFileSync(join(CHART, "Chart.yaml"), "utf8"));
  expect(at(chart, "appVersion")).toBe(packageJson.version);
});
