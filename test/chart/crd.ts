// Says whether an object fits the schema of its CustomResourceDefinition, as an API server with strict field validation would:
// unknown fields are errors. Does not evaluate CEL.
import { readdirSync, readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import { at, isRecord, type KubeObject, listAt, parseObjects } from "./helm.ts";

const OWN = new URL("../../charts/alertcast/crds/", import.meta.url);
/** CRDs of other projects are test data beside the checkout; a plain clone has none. */
const OTHERS = ["strimzi/", "monitoring/"].map((folder) => new URL(`../../../shared/crds/${folder}`, import.meta.url));

/** An instance of a custom resource to what is wrong with it; undefined when no definition of it is known. */
export type CrdCheck = (object: KubeObject) => readonly string[] | undefined;

/** The check over the chart's own CRD and those beside the checkout, and whether the latter are there (a loud skip if not). */
export function loadCrds(): { readonly check: CrdCheck; readonly complete: boolean } {
  const found = OTHERS.map(readFolder);
  const complete = found.every((crds) => crds.length > 0);
  if (!complete) console.warn("SKIPPED: the CRDs of Strimzi and Prometheus' operator are not beside this checkout");
  return { check: crdCheck([...ownCrds(), ...found.flat()]), complete };
}

/** The chart's own CustomResourceDefinitions. */
export function ownCrds(): KubeObject[] {
  return readFolder(OWN);
}

function readFolder(folder: URL): KubeObject[] {
  try {
    const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
    return files.flatMap((name) => parseObjects(readFileSync(new URL(name, folder), "utf8")));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** The check over these CustomResourceDefinitions. */
export function crdCheck(crds: readonly KubeObject[]): CrdCheck {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const schemas = new Map<string, () => ValidateFunction>();
  for (const crd of crds) {
    for (const version of listAt(crd, "spec", "versions")) {
      const id = `${at(crd, "spec", "group")}/${at(version, "name")} ${at(crd, "spec", "names", "kind")}`;
      let compiled: ValidateFunction | undefined;
      const schema = at(version, "schema", "openAPIV3Schema");
      schemas.set(id, () => (compiled ??= ajv.compile(rootSchema(schema))));
    }
  }
  return (object) => {
    const validate = schemas.get(`${object.apiVersion} ${object.kind}`)?.();
    if (validate === undefined) return undefined;
    if (validate(object)) return [];
    return (validate.errors ?? []).map(({ instancePath, message, params }) => {
      const extra = "additionalProperty" in params ? ` (${params.additionalProperty})` : "";
      return `${instancePath}: ${message}${extra}`;
    });
  };
}

/** apiVersion, kind and metadata are the API server's own. */
function rootSchema(schema: unknown): Record<string, unknown> {
  const strict = jsonSchema(schema);
  const properties = isRecord(strict.properties) ? strict.properties : {};
  return { ...strict, properties: { ...properties, apiVersion: {}, kind: {}, metadata: {} } };
}

/** Kubernetes' dialect as JSON Schema: what has properties is closed, int-or-string and nullable are types. */
function jsonSchema(node: unknown): Record<string, unknown> {
  if (!isRecord(node)) return {};
  if (node["x-kubernetes-int-or-string"] === true) return { type: ["integer", "string"] };
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) {
    if (key.startsWith("x-kubernetes-") || key === "nullable" || key === "default" || key === "example") continue;
    if (key === "pattern") {
      // Go's flag for the rest of the pattern.
      result.pattern = String(value).replace(/^\^\(\?i\)(.*)\$$/, "^(?i:$1)$");
    } else if (key === "properties" && isRecord(value)) {
      result.properties = Object.fromEntries(Object.entries(value).map(([name, child]) => [name, jsonSchema(child)]));
    } else if (["items", "additionalProperties", "not"].includes(key)) {
      result[key] = isRecord(value) ? jsonSchema(value) : value;
    } else {
      // anyOf and the like hold conditions on fields declared elsewhere: they must not close anything.
      result[key] = value;
    }
  }
  const open = node["x-kubernetes-preserve-unknown-fields"] === true || "additionalProperties" in node;
  if (node.type === "object" && !open) result.additionalProperties = false;
  if (node.nullable === true && typeof node.type === "string") result.type = [node.type, "null"];
  return result;
}
