// Starts a real Redis (or Valkey) that keeps nothing on disk.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "./port.ts";
import { ServerProcess, type StartedServer, type StartOptions } from "./server-process.ts";
import { redisCommand } from "./tools.ts";
import { waitFor } from "./wait.ts";

const READY_DEADLINE_MS = 120_000;

/** Starts a server; resolves when it answers. `address` is a redis:// URL. */
export async function startRedis(options: StartOptions): Promise<StartedServer> {
  const command = redisCommand();
  if (!command) throw new Error("redis-server is missing: run scripts/setup-services.sh");
  const folder = join(options.folder, "redis");
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const settings = { port: String(port), bind: "127.0.0.1", save: "", appendonly: "no", dir: folder };
  const address = `redis://127.0.0.1:${port}`;
  const server = options.stack.use(
    new ServerProcess({
      name: "Redis",
      command,
      args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      logFile: join(options.folder, "redis.log"),
      ready: () => waitFor(() => answers(address), { what: "Redis to answer", deadlineMs: READY_DEADLINE_MS }),
      guarded: options.guarded,
    }),
  );
  await server.start();
  return { address, server };
}

async function answers(url: string): Promise<boolean> {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 5_000, retryStrategy: () => null });
  // The failed connection is told by connect(); without a listener it would also be printed.
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.ping()) === "PONG";
  } finally {
    client.disconnect();
  }
}
