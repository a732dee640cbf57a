// Grafana's dashboards as the chart installs them: the files, with the address under which people reach the API.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { at, CHART, hasHelm, listAt, only, PATIENTLY, render } from "./helm.ts";

const FOLDER = join(CHART, "dashboards");
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

/** The dashboards that a release with these values installs, by file name. */
async function dashboards(set: readonly string[] = []): Promise<Record<string, unknown>> {
  const objects = await render({ set: ["metrics.dashboards.enabled=true", ...set] });
  const maps = FILES.map((file) => {
    const map = only(objects, "ConfigMap", `alertcast-dashboard-${file.replace(/\.json$/, "").toLowerCase()}`);
    return [file, JSON.parse(String(at(map, "data", file)))];
  });
  return Object.fromEntries(maps);
}

const publicUrl = (dashboard: unknown) =>
  listAt(dashboard, "templating", "list").filter((variable) => at(variable, "name") === "public_url");

describe.skipIf(!hasHelm())("dashboards", PATIENTLY, () => {
  test("link to the runbooks under publicUrl, and to nobody's own machine", async () => {
    const url = "https://alertcast.example.com/a";
    const installed = await dashboards([`publicUrl=${url}`]);
    expect(Object.keys(installed).length).toBeGreaterThan(3);
    for (const [file, dashboard] of Object.entries(installed)) {
      expect(publicUrl(dashboard), file).toEqual([expect.objectContaining({ query: url })]);
      expect(JSON.stringify(dashboard), file).not.toContain("localhost");
    }
  });

  test("link to a port-forward without a publicUrl", async () => {
    for (const [file, dashboard] of Object.entries(await dashboards()))
      expect(publicUrl(dashboard), file).toEqual([expect.objectContaining({ query: "http://localhost:8080" })]);
  });

  test("are the files in everything else", async () => {
    for (const [file, dashboard] of Object.entries(await dashboards(["publicUrl=http://a.example"]))) {
      const text = readFileSync(join(FOLDER, file), "utf8");
      expect(dashboard, file).toEqual(JSON.parse(text.replaceAll("http://localhost:8080", "http://a.example")));
    }
  });
});
