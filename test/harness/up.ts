// `make up` and `make down`: the services alone, running on in the background with empty data, for work by hand.
// Standard output is nothing but NAME=value lines, so that a shell can take them.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { startServices, temporaryFolder } from "./start-services.ts";
import { missingTools, SERVICE_VARIABLES, type ServiceName } from "./tools.ts";

const STATE_FILE = join(import.meta.dirname, "..", "..", "tmp", "services.json");
const ALL: readonly ServiceName[] = ["kafka", "postgres", "redis"];

interface State {
  readonly folder: string;
  readonly processIds: readonly number[];
  readonly lines: readonly string[];
}

async function up(): Promise<void> {
  const running = readState();
  if (running?.processIds.every(isAlive)) return print(running.lines);
  down();
  const missing = missingTools(ALL);
  if (missing.length > 0) throw new Error(`missing: ${missing.join(", ")}`);
  const stack = new AsyncDisposableStack();
  try {
    const folder = await temporaryFolder(stack, false);
    const report = (line: string) => console.error(`[services] ${line}`);
    const { addresses, servers } = await startServices(ALL, { folder, stack, guarded: false }, report);
    const lines = environmentLines(addresses);
    const state: State = { folder, processIds: servers.map((server) => server.pid), lines };
    mkdirSync(dirname(STATE_FILE), { recursive: true });
    writeFileSync(STATE_FILE, JSON.stringify(state));
    print(lines);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

function down(): void {
  const state = readState();
  if (!state) return;
  for (const pid of state.processIds.filter(isAlive)) process.kill(-pid, "SIGKILL");
  rmSync(state.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  rmSync(STATE_FILE);
}

function environmentLines(addresses: Readonly<Record<string, string>>): string[] {
  const postgres = new URL(addresses[SERVICE_VARIABLES.postgres] ?? "");
  const environment = {
    KAFKA_BROKER: addresses[SERVICE_VARIABLES.kafka],
    PG_HOST: postgres.hostname,
    PG_PORT: postgres.port,
    PG_USER: postgres.username,
    // Any password is taken: the server trusts 127.0.0.1.
    PG_PASSWORD: "alertcast",
    PG_DB: postgres.pathname.slice(1),
    REDIS_ADDR: new URL(addresses[SERVICE_VARIABLES.redis] ?? "").host,
    ...addresses,
  };
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}

function print(lines: readonly string[]): void {
  console.log(lines.join("\n"));
}

function readState(): State | undefined {
  return existsSync(STATE_FILE) ? JSON.parse(readFileSync(STATE_FILE, "utf8")) : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const command = process.argv[2];
if (command === "up") await up();
else if (command === "down") down();
else throw new Error("usage: node test/harness/up.ts up|down");
