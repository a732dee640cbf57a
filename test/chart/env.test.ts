// What the variables of a pod are: the chart's own, those of extraEnv, and never a name twice (Helm 4's server-side apply refuses that).
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { at, hasHelm, type KubeObject, listAt, MAJORS, only, PATIENTLY, podOf, render, VALUES_FILES } from "./helm.ts";

const folder = mkdtempSync(join(tmpdir(), "alertcast-env-"));
afterAll(() => rmSync(folder, { recursive: true }));

const envOf = (object: KubeObject) => listAt(podOf(object), "spec", "containers", 0, "env");
const namesOf = (object: KubeObject) => envOf(object).map((variable) => String(at(variable, "name")));
const deployment = (objects: readonly KubeObject[], component: string) =>
  only(objects, "Deployment", `alertcast-${component}`);
const valuesOf = (text: string) => {
  const file = join(folder, "values.yaml");
  writeFileSync(file, text);
  return { values: [file] };
};

describe.skipIf(!hasHelm())("environment variables", PATIENTLY, () => {
  test.each(VALUES_FILES)("of %s have each name once, and are text", async (file) => {
    const pods = (await render({ values: [file] })).filter((object) => podOf(object) !== undefined);
    for (const object of pods) {
      expect(new Set(namesOf(object)).size, object.metadata.name).toBe(namesOf(object).length);
      for (const variable of envOf(object).filter((entry) => at(entry, "valueFrom") === undefined))
        expect(typeof at(variable, "value"), `${object.metadata.name} ${at(variable, "name")}`).toBe("string");
    }
  });

  test.each(MAJORS)("of extraEnv win over the chart's own of the same name, as text, with Helm %i", async (major) => {
    const set = [
      "ingestor.extraEnv[0].name=INGEST_RATE",
      "ingestor.extraEnv[0].value=250",
      "processor.extraEnv[0].name=LOG_LEVEL",
      "processor.extraEnv[0].value=trace",
      "setup.extraEnv[0].name=PG_HOST",
      "setup.extraEnv[0].value=elsewhere",
    ];
    const [before, after] = await Promise.all([render({ major }), render({ major, set })]);
    const job = (objects: readonly KubeObject[]) => objects.find(({ kind }) => kind === "Job") ?? expect.fail("no Job");
    const pairs = [
      [deployment(before, "ingestor"), deployment(after, "ingestor"), { name: "INGEST_RATE", value: "250" }],
      [deployment(before, "processor"), deployment(after, "processor"), { name: "LOG_LEVEL", value: "trace" }],
      [job(before), job(after), { name: "PG_HOST", value: "elsewhere" }],
    ] as const;
    for (const [old, object, wanted] of pairs) {
      expect(namesOf(old), "the chart has one of its own").toContain(wanted.name);
      expect(namesOf(object).toSorted()).toEqual(namesOf(old).toSorted());
      expect(envOf(object).filter((entry) => at(entry, "name") === wanted.name)).toEqual([wanted]);
    }
  });

  test("of extraEnv come last, so that they may refer to the chart's own; the last of a name wins", async () => {
    const values = valuesOf(`
api:
  extraEnv:
    - {name: LONG, value: 1000000}
    - {name: FLAG, value: true}
    - {name: SHARE, value: 0.25}
    - {name: DATABASE, value: "postgres://$(PG_HOST)"}
    - {name: FLAG, value: false}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
`);
    for (const major of MAJORS) {
      const env = envOf(deployment(await render({ ...values, major }), "api"));
      expect(env.slice(-5)).toEqual([
        { name: "LONG", value: "1000000" },
        { name: "SHARE", value: "0.25" },
        { name: "DATABASE", value: "postgres://$(PG_HOST)" },
        { name: "FLAG", value: "false" },
        { name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
      ]);
      expect(env.slice(0, -5)).toContainEqual({ name: "PG_HOST", value: "alertcast-postgresql" });
    }
  });
});
