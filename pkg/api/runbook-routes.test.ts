import { expect, test } from "vitest";
import { createApp } from "../http/app.ts";
import { startHttpServer } from "../http/server.ts";
import { createLogger } from "../telemetry/logger.ts";
import { runbookRouter } from "./runbook-routes.ts";

const TEXT = '# A\n\n- `a < b` & "c"\n';

async function get(path: string, accept: string): Promise<Response & { readonly content: string }> {
  const logger = createLogger({ component: "test", level: "silent" });
  const app = createApp({ routers: [runbookRouter(new Map([["A", TEXT]]))], logger });
  await using server = await startHttpServer({ handler: app.callback(), port: 0 });
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers: { accept } });
  return Object.assign(response, { content: await response.text() });
}

test("a runbook is served as it was written", async () => {
  const response = await get("/docs/runbooks/A", "*/*");
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/markdown; charset=utf-8");
  expect(response.content).toBe(TEXT);
});

test("a browser shows it on a page, with nothing on it that could run", async () => {
  const response = await get("/docs/runbooks/A", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(response.headers.get("vary")).toBe("Accept");
  expect(response.content).toContain('<pre># A\n\n- `a &lt; b` &amp; "c"\n</pre>');
});

test.each(["/docs/runbooks/B", "/docs/runbooks/..%2Falerts.yaml", "/docs/runbooks/"])(
  "%s is not there",
  async (path) => {
    const response = await get(path, "*/*");
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
  },
);
