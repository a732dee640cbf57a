// Runs the chart through Helm 3 and Helm 4 (scripts/setup-helm.sh builds both) and reads what comes out. Knows no cluster.
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { cacheFolder, isUsable } from "../harness/tools.ts";

const run = promisify(execFile);

export const CHART = fileURLToPath(new URL("../../charts/alertcast", import.meta.url));
export const NAMESPACE = "alertcast";
/** The version the templates are told they run on; a render knows no cluster. */
const KUBE_VERSION = "1.36.0";
const LONGEST_OUTPUT_BYTES = 64 * 1024 * 1024;

/** For tests that render: a machine may be busy. */
export const PATIENTLY = { timeout: 180_000 };

export type Major = 3 | 4;
export const MAJORS: readonly Major[] = [3, 4];

/** The program; it may not be there. */
export function helmProgram(major: Major): string {
  return join(cacheFolder(), "bin", `helm${major}`, "helm");
}

/** Both Helms are there. Without them the caller skips, loudly; with CI=true that is a failure. */
export function hasHelm(): boolean {
  const missing = MAJORS.map(helmProgram).filter((program) => !isUsable(program));
  if (missing.length === 0) return true;
  const message = "Helm 3 and Helm 4 are missing: run scripts/setup-helm.sh (it needs Go)";
  if (process.env.CI === "true") throw new Error(message);
  console.warn(`SKIPPED: ${message}`);
  return false;
}

/** A Kubernetes object as it was rendered. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [key: string]: unknown;
}

export interface RenderOptions {
  readonly major?: Major;
  /** Files of values, relative to the chart or absolute. */
  readonly values?: readonly string[];
  /** `key=value` each, as after --set. */
  readonly set?: readonly string[];
  readonly chart?: string;
  readonly release?: string;
}

/** `helm template`, the text as it comes. Rejects with Helm's message. */
export async function renderText(options: RenderOptions = {}): Promise<string> {
  const { major = 3, values = [], set = [], chart = CHART, release = "alertcast" } = options;
  const args = ["template", release, chart, "--namespace", NAMESPACE, "--kube-version", KUBE_VERSION];
  for (const file of values) args.push("--values", join(file.startsWith("/") ? "/" : CHART, file));
  for (const pair of set) args.push("--set", pair);
  return (await run(helmProgram(major), args, { maxBuffer: LONGEST_OUTPUT_BYTES })).stdout;
}

/** `helm template`, as objects. */
export async function render(options: RenderOptions = {}): Promise<KubeObject[]> {
  return parseObjects(await renderText(options));
}

/** `helm lint --strict`. Rejects with what it found. */
export async function lint(major: Major, values: string): Promise<void> {
  const args = ["lint", CHART, "--strict", "--kube-version", KUBE_VERSION, "--values", join(CHART, values)];
  try {
    await run(helmProgram(major), args);
  } catch (error) {
    throw error instanceof Error && "stdout" in error ? new Error(`${error.stdout}`, { cause: error }) : error;
  }
}

/** The message of a render that must fail. */
export async function renderError(options: RenderOptions): Promise<string> {
  try {
    await renderText(options);
  } catch (error) {
    if (error instanceof Error && "stderr" in error) return String(error.stderr);
    throw error;
  }
  throw new Error("the render passed, and it must not");
}

/** All objects of a text of YAML documents. YAML 1.1, as Kubernetes reads it. */
export function parseObjects(text: string): KubeObject[] {
  const documents = parseAllDocuments(text, { version: "1.1" });
  if (!Array.isArray(documents)) return [];
  const objects: KubeObject[] = [];
  for (const document of documents) {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const value: unknown = document.toJS();
    if (value === null) continue;
    if (!isKubeObject(value)) throw new Error(`not a Kubernetes object: ${JSON.stringify(value)}`);
    objects.push(value);
  }
  return objects;
}

function isKubeObject(value: unknown): value is KubeObject {
  return isRecord(value) && typeof value.kind === "string" && isRecord(value.metadata);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is at a path of keys and indexes; undefined where a step is missing. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((node, step) => {
    if (Array.isArray(node)) return node[Number(step)];
    return isRecord(node) ? node[step] : undefined;
  }, value);
}

/** As `at`, a list there; empty when it is missing. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** The only object of this kind and name. */
export function only(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  const [object] = found;
  if (object === undefined || found.length > 1) throw new Error(`${found.length} objects ${kind} ${name}`);
  return object;
}

/** The pod template or pod spec's owner: `{metadata, spec}` of every pod that this object makes. */
export function podOf(object: KubeObject): unknown {
  if (object.kind === "Pod") return object;
  if (["Deployment", "StatefulSet", "Job"].includes(object.kind)) return at(object, "spec", "template");
  return undefined;
}

/** Every file of values that is meant to render: ci/, kind, production. */
export const VALUES_FILES: readonly string[] = [
  ...readdirSync(join(CHART, "ci")).map((file) => `ci/${file}`),
  "values-kind.yaml",
  "values-production.yaml",
];
