import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CustomObjectsApi, KubeConfig } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { waitFor } from "../../test/harness/wait.ts";
import { watchScalers } from "./kube-watch.ts";

/** An API server whose watches begin only when the test says so. */
async function slowServer() {
  const watches: { readonly response: ServerResponse; closed: boolean }[] = [];
  let items = [scaler("a"), scaler("deleted-later")];
  const server = createServer((request, response) => {
    if (request.url?.includes("watch=true")) {
      const watch = { response, closed: false };
      response.on("close", () => {
        watch.closed = true;
      });
      watches.push(watch);
      return;
    }
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ metadata: { resourceVersion: "1" }, items }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const config = new KubeConfig();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  config.loadFromClusterAndUser({ name: "c", server: url, skipTLSVerify: true }, { name: "u" });
  return {
    config,
    watches,
    remove: (uid: string) => {
      items = items.filter((item) => item.metadata.uid !== uid);
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const scaler = (uid: string) => ({ metadata: { uid, name: uid } });

test("a watch that begins too late is ended, and what it tells is not listened to", async () => {
  await using server = await slowServer();
  const { config, watches } = server;
  const told: string[] = [];
  const stop = new AbortController();
  const listener = {
    scalers: (objects: readonly unknown[]) => {
      told.push((objects as ReturnType<typeof scaler>[]).map(({ metadata }) => metadata.uid).join());
    },
    trouble: () => undefined,
  };
  const custom = config.makeApiClient(CustomObjectsApi);
  const deps = { config, custom, namespace: "n", connectTimeoutMs: 300 };
  const watching = watchScalers(deps, listener, stop.signal);
  try {
    await waitFor(() => watches.length > 0, { what: "the first watch" });
    server.remove("deleted-later");
    await waitFor(() => watches.length > 1, { what: "the watch after it" });
    const first = watches[0];
    if (first === undefined) throw new Error("no watch");
    first.response.writeHead(200, { "content-type": "application/json" });
    first.response.write(`${JSON.stringify({ type: "MODIFIED", object: scaler("a") })}\n`);
    await waitFor(() => first.closed, { what: "the late watch to be ended" });
    expect(told[0]).toBe("a,deleted-later");
    expect(told.slice(1).filter((list) => list !== "a")).toEqual([]);
  } finally {
    stop.abort();
    await watching;
  }
});
