// Reads the golden vectors, which stand beside the checkout. A plain clone has none: the caller skips, loudly.

import { readFileSync } from "node:fs";

/** One golden vector; what else it has depends on its kind. */
export interface Vector {
  readonly name: string;
  readonly clauses: readonly string[];
  /** Absent = "fold". */
  readonly kind?: string;
  readonly [key: string]: unknown;
}

const DIRECTORY = new URL("../../shared/vectors/", import.meta.url);

/** The vectors of a file such as `expressions.json`; undefined (and a warning) when there is no such file. */
export function loadVectors(file: string): Vector[] | undefined {
  const parsed = loadVectorFile(file);
  return parsed === undefined ? undefined : (parsed as { vectors: Vector[] }).vectors;
}

/** A whole file of the vectors' directory as JSON, for those that hold no list; undefined (and a warning) when it is missing. */
export function loadVectorFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(new URL(file, DIRECTORY), "utf8"));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    console.warn(`SKIPPED: the golden vectors ${file} are not beside this checkout`);
    return undefined;
  }
}
