// Grafana's routes for its dashboards and data sources, as far as they follow from the provisioned files.
import { globSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

const PROVISIONING = "/etc/grafana/provisioning";
const provisioned = (kind: string) =>
  globSync(`${PROVISIONING}/${kind}/*.yaml`)
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
const sources = provisioned("datasources")
  .split(/^ {2}- /m)
  .flatMap((entry) => {
    const field = (name: string) => new RegExp(`\\b${name}: "?([^",\\s]+)"?`).exec(entry)?.[1];
    const [uid, url] = [field("uid"), field("url")];
    return uid && url ? [{ uid, url }] : [];
  });
const folders = [...provisioned("dashboards").matchAll(/\bpath: ([^\s}]+)/g)].map(([, path = ""]) => path);
const dashboards = folders
  .flatMap((folder) => globSync(`${folder}/*.json`))
  .map((file) => JSON.parse(readFileSync(file, "utf8")) as { uid: string; title: string })
  .map(({ uid, title }) => ({ uid, title }));

async function answer(url: string): Promise<unknown> {
  if (url === "/api/health") return { database: "ok", version: "a stand-in for Grafana" };
  if (url.startsWith("/api/search")) return dashboards;
  const [, uid, path] = /^\/api\/datasources\/proxy\/uid\/(\w+)\/(.*)$/.exec(url) ?? [];
  const source = sources.find((each) => each.uid === uid);
  return source && (await fetch(`${source.url}/${path}`)).json();
}

createServer((request, response) => {
  answer(request.url ?? "").then(
    (body) => response.writeHead(body === undefined ? 404 : 200).end(JSON.stringify(body)),
    (error: unknown) => response.writeHead(502).end(String(error)),
  );
}).listen(3000);
