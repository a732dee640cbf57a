// What outlives the process, as one text in the LagScaler's status. Pure; bounded: what is too long is left out piece by piece.
import type { TargetMemory } from "./conflict.ts";
import { parseMemory, type ScalerMemory, writeMemory } from "./scaler-memory.ts";

/** The schema's limit. */
const LIMIT = 262_144;

export interface Remembered {
  readonly scaler: ScalerMemory | undefined;
  readonly target: TargetMemory | undefined;
  /** The topics that `scaler` is about. */
  readonly topics: string;
}

/** At most 262,144 characters. Without its ring of log ends a memory knows lag in records still, its age only after a while. */
export function encodeRemembered(remembered: Remembered): string | undefined {
  const { scaler, target, topics } = remembered;
  const write = (memory: ScalerMemory | undefined) =>
    `{"topics":${JSON.stringify(topics)},"target":${JSON.stringify(target ?? null)},"scaler":${memory === undefined ? "null" : writeMemory(memory)}}`;
  const forms = scaler === undefined ? [scaler] : [scaler, { ...scaler, points: [] }, undefined];
  return forms.map(write).find((text) => text.length <= LIMIT);
}

/** What of it can still be read: nothing is made up. */
export function decodeRemembered(text: string | undefined): Remembered {
  const nothing = { scaler: undefined, target: undefined, topics: "" };
  if (text === undefined) return nothing;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return nothing;
  }
  if (!isObject(value)) return nothing;
  const { scaler, target, topics } = value;
  return {
    scaler: isObject(scaler) ? parseMemory(JSON.stringify(scaler)) : undefined,
    target: isTarget(target) ? target : undefined,
    topics: typeof topics === "string" ? topics : "",
  };
}

function isTarget(value: unknown): value is TargetMemory {
  if (!isObject(value) || typeof value.uid !== "string" || typeof value.replicas !== "number") return false;
  const { foreign } = value;
  const numbers = ["replicas", "untilMs", "generation"] as const;
  return (
    foreign === undefined ||
    (isObject(foreign) &&
      typeof foreign.manager === "string" &&
      numbers.every((name) => typeof foreign[name] === "number"))
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
