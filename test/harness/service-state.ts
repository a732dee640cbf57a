// How the global set-up tells the test files about the services, which get ready while unit tests run: one small file.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Addresses } from "./start-services.ts";

/** The environment variable with the state file's path. */
export const STATE_VARIABLE = "ALERTCAST_TEST_STATE";

export type ServiceState =
  | { readonly status: "starting" }
  | { readonly status: "ready"; readonly addresses: Addresses }
  | { readonly status: "failed"; readonly error: string };

/** Replaces the state in one step, so that a reader never sees half of it. */
export function writeServiceState(path: string, state: ServiceState): void {
  writeFileSync(`${path}.new`, JSON.stringify(state));
  renameSync(`${path}.new`, path);
}

export function readServiceState(path: string): ServiceState {
  return JSON.parse(readFileSync(path, "utf8"));
}
