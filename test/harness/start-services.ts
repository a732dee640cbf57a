// Starts the services that the tests need, all at once, on free ports and with their data in one temporary folder.
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { guardFolder } from "./orphan-guard.ts";
import type { ServerProcess, StartedServer, StartOptions } from "./server-process.ts";
import { startKafka } from "./start-kafka.ts";
import { startPostgres } from "./start-postgres.ts";
import { startRedis } from "./start-redis.ts";
import { SERVICE_VARIABLES, type ServiceName } from "./tools.ts";

/** Environment variables (ALERTCAST_TEST_...) that name the services. */
export type Addresses = Record<string, string>;

const STARTERS: Record<ServiceName, (options: StartOptions) => Promise<StartedServer>> = {
  kafka: startKafka,
  postgres: startPostgres,
  redis: startRedis,
};

/** Makes a temporary folder that is removed when `stack` is disposed. */
export async function temporaryFolder(stack: AsyncDisposableStack, guarded: boolean): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "alertcast-test-"));
  const guard = guarded ? guardFolder(folder) : undefined;
  stack.defer(async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    guard?.dismiss();
  });
  // PostgreSQL may run as another user, which has to pass through.
  await chmod(folder, 0o711);
  return folder;
}

/** Starts `names` in parallel; `report` is told how long each took. Resolves when all are ready. */
export async function startServices(
  names: readonly ServiceName[],
  options: StartOptions,
  report: (line: string) => void,
): Promise<{ addresses: Addresses; servers: ServerProcess[] }> {
  const startedAtMs = performance.now();
  const addresses: Addresses = {};
  const servers: ServerProcess[] = [];
  await Promise.all(
    names.map(async (name) => {
      const { address, server } = await STARTERS[name](options);
      addresses[SERVICE_VARIABLES[name]] = address;
      servers.push(server);
      report(`${name} is ready after ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
    }),
  );
  return { addresses, servers };
}
