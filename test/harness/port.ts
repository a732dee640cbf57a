// Finds TCP ports on which a server that is about to be started can listen.
import { once } from "node:events";
import { createServer } from "node:net";

// Below the range from which Linux takes the ports of outgoing connections: none of those can take a port between our
// look and the server's start.
const LOWEST = 15_000;
const HIGHEST = 32_000;
const ATTEMPTS = 200;

/** Given away by this process: a server that is still starting does not listen yet. */
const given = new Set<number>();

/** A port of 127.0.0.1 on which nobody listens at this moment, and that this process has not been given before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST} in ${ATTEMPTS} attempts`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const answer = Promise.race([once(server, "listening").then(() => true), once(server, "error").then(() => false)]);
  server.listen(port, "127.0.0.1");
  const free = await answer.catch(() => false);
  if (free) {
    server.close();
    await once(server, "close");
  }
  return free;
}
