// The live counters on a Redis with a password and TLS, both of which change while the process runs.
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LiveCounts } from "../pkg/count/counts.ts";
import { redisCounts } from "../pkg/count/redis.ts";
import { hasCode } from "../pkg/errors.ts";
import { countsOf } from "../pkg/ticket/counts.ts";
import { type Authority, makeAuthority } from "./harness/authority.ts";
import { freePort } from "./harness/port.ts";
import { startRedis } from "./harness/start-redis.ts";
import { temporaryFolder } from "./harness/start-services.ts";
import { waitFor } from "./harness/wait.ts";

const stack = new AsyncDisposableStack();
const reading = { installationId: "secure", version: 1, counts: countsOf(() => 1) };
let folder: string;
let url: URL;
/** Its connection stays, whatever the password is. */
let admin: Redis;

beforeAll(async () => {
  folder = await temporaryFolder(stack, true);
  const { address } = await startRedis({ folder, stack, guarded: true });
  url = new URL(address);
  admin = new Redis(address);
  stack.defer(() => admin.disconnect());
  await admin.ping();
});
afterAll(() => stack.disposeAsync());

async function written(counts: LiveCounts, what: string): Promise<void> {
  const writes = async () => {
    await counts.write(reading);
    return true;
  };
  await waitFor(writes, { what });
}

async function disconnectOthers(): Promise<void> {
  await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "YES");
}

test("a changed password counts from the next connection on, and before it is there the counters are unavailable", async () => {
  const passwordFile = join(folder, "password");
  await writeFile(passwordFile, "first\n");
  await admin.config("SET", "requirepass", "first");
  const told: string[] = [];
  const onError = ({ message }: Error) => told.push(message);
  await using counts = redisCounts({ host: url.hostname, port: Number(url.port), passwordFile, onError });
  await written(counts, "the counters to be connected");

  await admin.config("SET", "requirepass", "second");
  await disconnectOthers();
  await waitFor(() => told.some((message) => message.startsWith("WRONGPASS")), { what: "the login to be refused" });
  await expect(counts.write(reading)).rejects.toSatisfy((error) => hasCode(error, "unavailable"));

  await writeFile(passwordFile, "second\n");
  await written(counts, "the counters to log in with the new password");
});

test("a renewed authority counts from the next connection on", async () => {
  const port = await freePort();
  const [old, renewed] = [await newAuthority(), await newAuthority()];
  const caFile = join(folder, "ca.crt");
  await copyFile(old.caFile, caFile);
  await admin.config("SET", "requirepass", "");
  await serveWith(old, port);
  const told: string[] = [];
  const onError = (error: Error) => told.push("code" in error ? String(error.code) : error.message);
  await using counts = redisCounts({ host: url.hostname, port, tls: { caFile }, onError });
  await written(counts, "the counters to be connected");

  await serveWith(renewed, port);
  await disconnectOthers();
  await waitFor(() => told.some((code) => /SIGN|ISSUER|CERT/.test(code)), { what: "the server not to be trusted" });

  await copyFile(renewed.caFile, caFile);
  await written(counts, "the counters to trust the new authority");
});

async function newAuthority(): Promise<Authority> {
  return makeAuthority(await temporaryFolder(stack, true));
}

/** From here on new connections to this port see a certificate of this authority. */
async function serveWith(authority: Authority, port: number): Promise<void> {
  const { certFile, keyFile } = await authority.issue("redis", ["IP:127.0.0.1"]);
  const tls = {
    "tls-cert-file": certFile,
    "tls-key-file": keyFile,
    "tls-auth-clients": "no",
    "tls-port": String(port),
  };
  const ca = { "tls-ca-cert-file": authority.caFile };
  await admin.call("CONFIG", "SET", ...Object.entries({ ...ca, ...tls }).flat());
}
