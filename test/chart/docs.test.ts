// README, schema, commands and files of the chart and of k8s/ agree with one another.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readValues, staleFiles } from "../../scripts/chart-docs.ts";
import { at, hasHelm, only, PATIENTLY, render } from "./helm.ts";

test("README.md and values.schema.json are what values.yaml's comments say", { timeout: 60_000 }, () => {
  expect(staleFiles(), "run node scripts/chart-docs.ts").toEqual([]);
});

describe("the generator", () => {
  test.each([
    ["a: 1", 'a has no "# --" comment'],
    ["# -- A.\na: []", "a is a list: say what of"],
    ["# -- A.\na: {}", "a is a map: say what of"],
    ["# -- A.\na:", "a has no default to take the type from"],
    ["g:\n  # -- B.\n  b: 1\n  c: 2", 'g.c has no "# --" comment'],
  ])("refuses %j", (text, message) => {
    expect(() => readValues(text)).toThrow(message);
  });

  test("takes types from defaults, closes groups, and adds what @schema says", () => {
    const { schema, values } = readValues(
      "g:\n  # -- How many.\n  # @schema {minimum: 1}\n  n: 2\n  # -- Two\n  # lines.\n  s: x\n# -- Open.\n# @schema {additionalProperties: {type: string}}\nm: {}\n",
    );
    expect(schema.properties).toEqual({
      g: {
        type: "object",
        additionalProperties: false,
        properties: {
          n: { description: "How many.", type: "integer", minimum: 1 },
          s: { description: "Two lines.", type: "string" },
        },
      },
      m: { description: "Open.", type: "object", additionalProperties: { type: "string" } },
    });
    expect(values.map(({ path }) => path)).toEqual(["g.n", "g.s", "m"]);
  });
});

const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("every file that docs/kubernetes.md and the chart's README name is there", () => {
  const files = ["docs/kubernetes.md", "charts/alertcast/README.md"].flatMap((page) =>
    [...text(page).matchAll(/(?<![\w/.-])(?:charts|k8s|deploy|scripts)\/[\w./-]*\w/g)].map(([path]) => path),
  );
  expect(files.length).toBeGreaterThan(8);
  for (const file of new Set(files)) {
    expect(existsSync(new URL(`../../${file}`, import.meta.url)), file).toBe(true);
  }
});

test("every page asks for the same Helm", () => {
  const pages = ["README.md", "docs/kubernetes.md", "charts/alertcast/README.md"].map(text);
  for (const page of pages) {
    expect(page).toContain("3.19 or newer, or 4.3.1 or newer");
    expect(page.match(/\b(?:3\.\d+|4\.\d+(?:\.\d+)?) (?:or|and) (?:newer|later|4)/g)).toEqual([
      "3.19 or newer",
      "4.3.1 or newer",
    ]);
  }
});

test("every command that installs or upgrades says which image, as the default one is in no registry", () => {
  const commands = ["README.md", "docs/kubernetes.md", "charts/alertcast/README.md"].flatMap((page) =>
    [
      ...text(page)
        .replaceAll(/\\\n\s*/g, "")
        .matchAll(/^.*helm (?:install|upgrade) alertcast .*$/gm),
    ].map(([line]) => line),
  );
  expect(commands.length).toBeGreaterThan(4);
  for (const command of commands) expect(command).toMatch(/--set image\.|--reuse-values/);
});

test("the kind commands fit the files: cluster, namespace, release, image", () => {
  const page = text("docs/kubernetes.md");
  const read = (path: string): unknown => parse(text(path));
  expect(page).toContain(`kind load docker-image alertcast:dev1 --name ${at(read("kind-config.yaml"), "name")}`);
  expect(at(read("kind-config.yaml"), "nodes", 0, "image")).toMatch(/^kindest\/node:v[0-9.]+@sha256:[0-9a-f]{64}$/);
  const namespace = at(read("k8s/namespace.yaml"), "metadata", "name");
  expect(at(read("k8s/strimzi-values.yaml"), "watchNamespaces")).toEqual([namespace]);
  expect(page).toContain(
    `helm install alertcast charts/alertcast -n ${namespace} -f charts/alertcast/values-kind.yaml`,
  );
  expect(at(read("k8s/namespace.yaml"), "metadata", "labels")).toEqual({
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
  });
});

describe.skipIf(!hasHelm())("the release of docs/kubernetes.md", PATIENTLY, () => {
  test("has the objects that its commands name", async () => {
    const objects = await render({
      values: [
        "values-kind.yaml",
        fileURLToPath(new URL("../../k8s/alertcast-monitoring-values.yaml", import.meta.url)),
      ],
      set: ["image.tag=dev1"],
    });
    only(objects, "Service", "alertcast-api");
    only(objects, "LagScaler", "alertcast-processor");
    only(objects, "KafkaTopic", "alertcast-events");
    only(objects, "Kafka", "alertcast-kafka");
    only(objects, "PodMonitor", "alertcast");
    const claim = at(
      only(objects, "StatefulSet", "alertcast-postgresql"),
      "spec",
      "volumeClaimTemplates",
      0,
      "metadata",
      "name",
    );
    expect(text("docs/kubernetes.md")).toContain(`${claim}-alertcast-postgresql-0`);
    const job = objects.find(({ kind }) => kind === "Job");
    const selectors = [...text("docs/kubernetes.md").matchAll(/delete job -l (\S+?)`?$/gm)].map(
      ([, selector]) => selector,
    );
    expect(selectors.length, "set-up failed, and a changed password").toBeGreaterThan(0);
    for (const selector of selectors)
      expect(job?.metadata.labels).toMatchObject(
        Object.fromEntries(
          String(selector)
            .split(",")
            .map((pair) => pair.split("=")),
        ),
      );
    expect(at(job, "spec", "template", "spec", "containers", 0, "image")).toBe("alertcast:dev1");
  });
});
