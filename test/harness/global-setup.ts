// vitest's global set-up of the integration tests: starts the services those tests need and ends them afterwards.
// It does not wait for them (await-services.ts does), so unit tests run meanwhile.
import { join } from "node:path";
import { STATE_VARIABLE, writeServiceState } from "./service-state.ts";
import { startServices, temporaryFolder } from "./start-services.ts";
import { missingTools, SERVICE_VARIABLES, type ServiceName, servicesToStart } from "./tools.ts";

const NOWHERE: Record<ServiceName, string> = {
  kafka: "127.0.0.1:1",
  postgres: "postgres://skipped@127.0.0.1:1/skipped",
  redis: "redis://127.0.0.1:1",
};

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const names = servicesToStart(process.env);
  const missing = missingTools(names);
  if (missing.length > 0) {
    const lack = `the integration tests need ${missing.join(", ")}`;
    if (process.env.CI === "true") throw new Error(`${lack}; run scripts/setup-services.sh`);
    // Test files are still loaded, and may ask for the addresses while they are.
    for (const name of names) process.env[SERVICE_VARIABLES[name]] = NOWHERE[name];
    console.warn(`\n*** SKIPPED: ${lack} (\`make test\` installs or names it) ***\n`);
    return undefined;
  }
  if (names.length === 0) return undefined;

  const stack = new AsyncDisposableStack();
  const folder = await temporaryFolder(stack, true);
  const stateFile = join(folder, "state.json");
  writeServiceState(stateFile, { status: "starting" });
  process.env[STATE_VARIABLE] = stateFile;
  const report = (line: string) => console.log(`[services] ${line}`);
  startServices(names, { folder, stack, guarded: true }, report).then(
    ({ addresses }) => writeServiceState(stateFile, { status: "ready", addresses }),
    (error: unknown) => {
      if (!stack.disposed) writeServiceState(stateFile, { status: "failed", error: String(error) });
    },
  );
  return () => stack.disposeAsync();
}
