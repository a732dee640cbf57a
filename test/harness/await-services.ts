// Runs before each integration test file: waits until the services are ready and puts their addresses into the environment.
import { readServiceState, STATE_VARIABLE } from "./service-state.ts";
import { waitFor } from "./wait.ts";

// Longer than the services' own deadlines, whose errors say more.
const DEADLINE_MS = 400_000;

const stateFile = process.env[STATE_VARIABLE];
if (stateFile) {
  const state = await waitFor(
    () => {
      const now = readServiceState(stateFile);
      return now.status === "starting" ? undefined : now;
    },
    { what: "the services to be ready", deadlineMs: DEADLINE_MS },
  );
  if (state.status === "failed") throw new Error(`the services did not start: ${state.error}`);
  Object.assign(process.env, state.addresses);
}
