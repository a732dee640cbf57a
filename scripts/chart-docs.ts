// Makes the Helm chart's values.schema.json and the table of values in its README.md from the comments of values.yaml:
// `# --` describes a value, `# @schema` (a YAML flow mapping) says what its default cannot. Run by node: writes both files, or
// with --check only says which of them is stale.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isMap, isNode, isScalar, type Pair, parse, parseDocument, type YAMLMap } from "yaml";

const CHART = new URL("../charts/alertcast/", import.meta.url);
const ROOT = new URL("../", import.meta.url);
const BEGIN = "<!-- values: made by scripts/chart-docs.ts from values.yaml -->";
const END = "<!-- end of values -->";

export type Schema = Record<string, unknown>;

interface Value {
  /** Dotted, such as `api.service.type`. */
  readonly path: string;
  readonly description: string;
  readonly schema: Schema;
  readonly fallback: unknown;
}

/** What values.yaml says, as a JSON Schema (2020-12) and as a list of its leaves. Throws at a value without a comment. */
export function readValues(text: string): { readonly schema: Schema; readonly values: readonly Value[] } {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw error;
  if (!isMap(document.contents)) throw new Error("values.yaml must be a mapping");
  const values: Value[] = [];
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...mappingSchema(document.contents, "", values),
  };
  return { schema, values };
}

function mappingSchema(map: YAMLMap, path: string, values: Value[]): Schema {
  const properties: Schema = {};
  map.items.forEach((pair, index) => {
    const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
    properties[key] = valueSchema(pair, commentOf(pair, map, index), path === "" ? key : `${path}.${key}`, values);
  });
  return { type: "object", additionalProperties: false, properties };
}

function valueSchema(pair: Pair, comment: string, path: string, values: Value[]): Schema {
  const { description, given } = readComment(comment, path);
  const about = description === undefined ? {} : { description };
  if (isGroup(pair.value)) {
    return { ...about, ...mappingSchema(pair.value, path, values), ...given };
  }
  if (description === undefined) throw new Error(`values.yaml: ${path} has no "# --" comment`);
  const fallback: unknown = isNode(pair.value) ? pair.value.toJSON() : pair.value;
  const schema = { description, ...typeOf(fallback, given, path), ...given };
  values.push({ path, description, schema, fallback });
  return schema;
}

function typeOf(fallback: unknown, given: Schema, path: string): Schema {
  if ("type" in given) return {};
  if (Array.isArray(fallback)) {
    if (!("items" in given)) throw new Error(`values.yaml: ${path} is a list: say what of by @schema {items: ...}`);
    return { type: "array" };
  }
  if (typeof fallback === "object" && fallback !== null) {
    if (!("additionalProperties" in given)) {
      throw new Error(`values.yaml: ${path} is a map: say what of by @schema {additionalProperties: ...}`);
    }
    return { type: "object" };
  }
  if (typeof fallback === "number") return { type: Number.isInteger(fallback) ? "integer" : "number" };
  if (typeof fallback === "boolean" || typeof fallback === "string") return { type: typeof fallback };
  throw new Error(`values.yaml: ${path} has no default to take the type from: say it by @schema {type: ...}`);
}

/** A comment before the first key belongs to the mapping. */
function commentOf(pair: Pair, map: YAMLMap, index: number): string {
  const own = isScalar(pair.key) ? pair.key.commentBefore : undefined;
  return own ?? (index === 0 ? map.commentBefore : undefined) ?? "";
}

/** A group of values, not a value that happens to be a mapping: somewhere in it values are described. */
function isGroup(node: unknown): node is YAMLMap {
  return isMap(node) && node.items.some((pair, i) => commentOf(pair, node, i).includes("-- ") || isGroup(pair.value));
}

function readComment(comment: string, path: string): { description: string | undefined; given: Schema } {
  const words: string[] = [];
  let given: Schema = {};
  for (const line of comment.split("\n").map((text) => text.trim())) {
    if (line.startsWith("@schema")) given = schemaOf(line.slice("@schema".length), path);
    else if (line.startsWith("-- ")) words.push(line.slice(3));
    else if (words.length > 0 && line !== "") words.push(line);
  }
  return { description: words.length === 0 ? undefined : words.join(" "), given };
}

function schemaOf(text: string, path: string): Schema {
  const given: unknown = parse(text);
  if (typeof given !== "object" || given === null) throw new Error(`values.yaml: ${path}: @schema must be a mapping`);
  return { ...given };
}

/** The README with its table of values made anew. */
export function renderReadme(readme: string, values: readonly Value[]): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md must hold "${BEGIN}" and "${END}"`);
  const rows = values.map(({ path, description, schema, fallback }) => {
    const cells = [`\`${path}\``, typeText(schema), code(JSON.stringify(fallback)), description];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  const table = ["| Value | Type | Default | Meaning |", "|---|---|---|---|", ...rows].join("\n");
  return `${readme.slice(0, begin)}${BEGIN}\n\n${table}\n\n${readme.slice(end)}`;
}

function typeText(schema: Schema): string {
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => code(JSON.stringify(value))).join(", ");
  const { type } = schema;
  return Array.isArray(type) ? type.join(" or ") : String(type);
}

function code(text: string): string {
  return `\`${text}\``;
}

/** What both files should hold, in the formatter's form. */
export function renderAll(): ReadonlyMap<URL, string> {
  const { schema, values } = readValues(readFileSync(new URL("values.yaml", CHART), "utf8"));
  const readme = renderReadme(readFileSync(new URL("README.md", CHART), "utf8"), values);
  const files = { "values.schema.json": JSON.stringify(schema), "README.md": readme };
  return new Map(Object.entries(files).map(([name, text]) => [new URL(name, CHART), formatted(name, text)]));
}

function formatted(name: string, text: string): string {
  const biome = fileURLToPath(new URL("node_modules/.bin/biome", ROOT));
  return execFileSync(biome, ["format", `--stdin-file-path=${name}`], { cwd: ROOT, input: text, encoding: "utf8" });
}

/** The names of the files that `node scripts/chart-docs.ts` would change. */
export function staleFiles(): string[] {
  return [...renderAll()].filter(([file, text]) => contentOf(file) !== text).map(([file]) => nameOf(file));
}

function contentOf(file: URL): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function nameOf(file: URL): string {
  return file.pathname.slice(ROOT.pathname.length);
}

if (import.meta.main) {
  if (process.argv[2] === "--check") {
    const stale = staleFiles();
    for (const file of stale) process.stderr.write(`${file} is stale: run node scripts/chart-docs.ts\n`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    for (const [file, text] of renderAll()) writeFileSync(file, text);
  }
}
