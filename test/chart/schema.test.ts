// Values that must not work are refused, by the schema or by a template that says what to do.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { ownCrds } from "./crd.ts";
import { at, CHART, hasHelm, isRecord, MAJORS, PATIENTLY, renderError, VALUES_FILES } from "./helm.ts";

const INVALID = fileURLToPath(new URL("invalid", import.meta.url));

describe.skipIf(!hasHelm())("a render is refused by both Helms", PATIENTLY, () => {
  test.each(readdirSync(INVALID))("with %s", async (name) => {
    const file = join(INVALID, name);
    const expected = readFileSync(file, "utf8").split("\n")[0]?.slice(2) ?? "";
    for (const major of MAJORS) expect(await renderError({ values: [file], major })).toContain(expected);
  });
});

const schema: unknown = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8"));
if (!isRecord(schema)) throw new Error("the schema is no object");
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);
const values: unknown = parse(readFileSync(join(CHART, "values.yaml"), "utf8"));

interface Leaf {
  readonly path: readonly string[];
  readonly schema: Record<string, unknown>;
}

function leaves(node: Record<string, unknown>, path: readonly string[]): Leaf[] {
  if (!isRecord(node.properties)) return [{ path, schema: node }];
  return Object.entries(node.properties).flatMap(([key, child]) =>
    isRecord(child) ? leaves(child, [...path, key]) : [],
  );
}

/** The defaults with one value changed. */
function changed(path: readonly string[], value: unknown): unknown {
  const copy = structuredClone(values);
  const parent = at(copy, ...path.slice(0, -1));
  const key = path.at(-1);
  if (!isRecord(parent) || key === undefined) throw new Error(`no ${path.join(".")}`);
  parent[key] = value;
  return copy;
}

/** A value that this rule of a schema refuses. */
function offence(rule: string, argument: unknown): unknown {
  switch (rule) {
    case "type":
      return [argument].flat().includes("object") ? "text" : { no: "type" };
    case "enum":
      return "none-of-them";
    case "minimum":
      return Number(argument) - 1;
    case "maximum":
      return Number(argument) + 1;
    case "minLength":
      return "";
    case "pattern":
      return " \n";
    case "not":
      return at(argument, "const");
    case "items":
      return [{ no: "type" }, 1];
    case "additionalProperties":
    case "propertyNames":
      return { " ": 1 };
    default:
      throw new Error(`no offence is known against "${rule}"`);
  }
}

const SILENT = new Set(["description"]);
const rules = leaves(schema, []).flatMap((leaf) =>
  Object.entries(leaf.schema)
    // What is open refuses nothing.
    .filter(([rule, argument]) => !SILENT.has(rule) && argument !== true)
    .map(([rule, argument]) => ({ name: `${leaf.path.join(".")}: ${rule}`, path: leaf.path, rule, argument })),
);

describe("the schema", () => {
  test("accepts the defaults", () => {
    expect(validate(values), JSON.stringify(validate.errors)).toBe(true);
  });

  test.each(VALUES_FILES)("accepts %s", (file) => {
    const given: unknown = parse(readFileSync(join(CHART, file), "utf8"), { merge: true }) ?? {};
    // null takes a default away, before Helm looks at the schema.
    const text = JSON.stringify(given, (_, value: unknown) => (value === null ? undefined : value));
    expect(validate(JSON.parse(text)), JSON.stringify(validate.errors)).toBe(true);
  });

  test("refuses an offence against each of its rules, at that value", () => {
    expect(rules.length).toBeGreaterThan(300);
    for (const { name, path, rule, argument } of rules) {
      expect(validate(changed(path, offence(rule, argument))), name).toBe(false);
      const where = `/${path.join("/")}`;
      expect(
        validate.errors?.some((error) => error.instancePath.startsWith(where)),
        name,
      ).toBe(true);
      expect(
        validate.errors?.map(({ schemaPath }) => schemaPath.split("/").includes(rule)),
        name,
      ).toContain(true);
    }
  });

  test("refuses an unknown key in every group", () => {
    const groups = new Set(leaves(schema, []).map(({ path }) => path.slice(0, -1).join(".")));
    groups.delete("global");
    expect(groups.size).toBeGreaterThan(40);
    for (const group of groups) {
      const path = group === "" ? [] : group.split(".");
      expect(validate(changed([...path, "misspelt"], 1)), group).toBe(false);
    }
  });

  test("allows the scaler nothing that the LagScaler's definition refuses", () => {
    const [crd] = ownCrds();
    const definition = at(crd, "spec", "versions", 0, "schema", "openAPIV3Schema", "properties", "spec");
    const compared = leaves(schema, []).flatMap(({ path: [group, ...path], schema: rules }) => {
      if (group !== "scaler" || path.join() === "enabled") return [];
      const node = at(definition, ...path.flatMap((key) => ["properties", key]));
      for (const rule of ["type", "enum", "minimum", "maximum", "pattern"]) {
        expect(rules[rule], `scaler.${path.join(".")}: ${rule}`).toEqual(at(node, rule));
      }
      return [path];
    });
    expect(compared.length).toBeGreaterThan(10);
  });
});
