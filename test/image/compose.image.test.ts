// docker-compose.yml, whole, on a real engine: from `up` to a ticket, and more processors.
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../harness/port.ts";
import { waitFor } from "../harness/wait.ts";
import { alerts, dashboards } from "../monitoring/files.ts";
import { ticketOf } from "../ticket-of.ts";
import { buildImage, type Engine, openEngine, standIns } from "./engine.ts";

const UP_DEADLINE_MS = 900_000;
const ALWAYS_ON = ["kafka", "postgres", "redis", "setup", "ingestor", "processor", "api", "kafdrop"];

describe("docker compose", () => {
  let engine: Engine;
  let folder: string;
  let envFile: string;
  let compose: (args: readonly string[]) => Promise<string>;
  const ports = {
    API_PORT: 0,
    INGEST_PORT: 0,
    KAFDROP_PORT: 0,
    KAFKA_PORT: 0,
    PROMETHEUS_PORT: 0,
    GRAFANA_PORT: 0,
    JAEGER_PORT: 0,
  };

  const api = () => `http://127.0.0.1:${ports.API_PORT}`;

  beforeAll(async () => {
    const found = await openEngine();
    if (found === undefined) throw new Error("no Docker engine: run scripts/setup-docker.sh");
    engine = found;
    folder = await mkdtemp(join(tmpdir(), "alertcast-compose-"));
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
    await buildImage(engine, "alertcast:test");
    const images = await standIns(engine);
    // As a newcomer does it, and after that only what keeps it apart from others on this machine.
    envFile = join(folder, ".env");
    await copyFile(join(import.meta.dirname, "../../.env.example"), envFile);
    const own = Object.entries({ ...ports, ...images, ALERTCAST_IMAGE: "alertcast:test" });
    await writeFile(envFile, `\n${own.map(([name, value]) => `${name}=${value}`).join("\n")}\n`, { flag: "a" });
    const project = ["compose", "--project-name", `alertcast-test-${ports.API_PORT}`, "--env-file", envFile];
    compose = (args) => engine.docker([...project, ...args], { timeoutMs: UP_DEADLINE_MS });
  }, 1_800_000);
  afterAll(async () => {
    await compose?.(["--profile", "*", "down", "--volumes", "--timeout", "30"]);
    await engine?.[Symbol.asyncDispose]();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }, 300_000);

  test("the file is valid, and each profile adds what it says", async () => {
    const services = async (...args: string[]) => (await compose([...args, "config", "--services"])).split("\n").sort();
    expect(await services()).toEqual([...ALWAYS_ON].sort());
    expect(await services("--profile", "observability")).toEqual(
      [...ALWAYS_ON, "prometheus", "grafana", "jaeger"].sort(),
    );
    expect(await services("--profile", "tools")).toEqual([...ALWAYS_ON, "simulator"].sort());
  });

  test("brings up everything, an event sent through HTTP becomes a ticket, and a second processor shares the work", async () => {
    await up();
    const health = await fetch(`${api()}/health`);
    expect(await health.json()).toMatchObject({ status: "ok" });
    await sendAlerting("compose-1");
    await ticketOf(api(), "compose-1");
    expect(await (await fetch(`http://127.0.0.1:${ports.KAFDROP_PORT}/`)).text()).not.toBe("");

    await up({ scale: "processor=3" });
    const owners = async () => {
      const sql = "SELECT count(DISTINCT owner) FROM partition_state";
      const psql = [
        "exec",
        "-T",
        "-e",
        "PGPASSWORD=alertcast",
        "postgres",
        "psql",
        "-h",
        "127.0.0.1",
        "-U",
        "alertcast",
      ];
      return Number(await compose([...psql, "-d", "alertcast", "-Atc", sql]));
    };
    await waitFor(async () => (await owners()) === 3, { what: "three owners of partitions", deadlineMs: 180_000 });
  }, 1_800_000);

  test("with profile observability Prometheus scrapes the services, Grafana has the dashboards, Jaeger a ticket's trace", async () => {
    // The line that .env.example has as a comment.
    await writeFile(envFile, "OTEL_EXPORTER_OTLP_ENDPOINT=http://jaeger:4318\n", { flag: "a" });
    await up({ profile: "observability" });
    const ask = (port: number, path: string) => async () => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return response.ok ? await response.json() : undefined;
    };
    const patiently = { deadlineMs: 180_000 };
    await sendAlerting("compose-2");
    const traceId = (await ticketOf(api(), "compose-2")).evidence.trace_id;
    const trace = waitFor(ask(ports.JAEGER_PORT, `/api/traces/${traceId}`), { what: `trace ${traceId}`, ...patiently });
    const names = ((await trace) as { data: { spans: { operationName: string }[] }[] }).data.flatMap(({ spans }) =>
      spans.map(({ operationName }) => operationName),
    );
    expect(names).toEqual(expect.arrayContaining(["POST /api/v1/events", "send events"]));
    const services = async () => (await ask(ports.JAEGER_PORT, "/api/services")()) as { data: string[] } | undefined;
    await waitFor(async () => (await services())?.data.includes("alertcast-processor"), {
      what: "traces of the processor",
      ...patiently,
    });

    // As the dashboards ask it.
    const query = new URLSearchParams({ query: 'count by (component) (alertcast_build_info{component!=""})' });
    const proxied = ask(ports.GRAFANA_PORT, `/api/datasources/proxy/uid/prometheus/api/v1/query?${query}`);
    const scraped = async () => {
      const { result } = ((await proxied()) as { data: { result: { metric: { component: string } }[] } }).data;
      return result.length === 3 && result.map(({ metric }) => metric.component).sort();
    };
    expect(await waitFor(scraped, { what: "the services to be scraped", ...patiently })).toEqual([
      "api",
      "ingestor",
      "processor",
    ]);
    const { data } = (await ask(ports.PROMETHEUS_PORT, "/api/v1/rules")()) as {
      data: { groups: { rules: { name: string }[] }[] };
    };
    expect(data.groups.flatMap(({ rules }) => rules.map(({ name }) => name))).toEqual(
      alerts().map(({ alert }) => alert),
    );
    const found = (await ask(ports.GRAFANA_PORT, "/api/search?type=dash-db")()) as { uid: string }[];
    expect(found.map(({ uid }) => uid).sort()).toEqual(
      dashboards()
        .map(({ uid }) => uid)
        .sort(),
    );
  }, 1_800_000);

  /** What the containers said is part of the error. */
  async function up({ profile, scale }: { profile?: string; scale?: string } = {}): Promise<void> {
    const profiles = profile === undefined ? [] : ["--profile", profile];
    const scales = scale === undefined ? [] : ["--scale", scale];
    try {
      await compose([...profiles, "up", "--detach", "--wait", "--wait-timeout", "600", ...scales]);
    } catch (error) {
      throw new Error(await compose([...profiles, "logs", "--no-color", "--tail", "25"]), { cause: error });
    }
  }

  async function sendAlerting(device: string): Promise<void> {
    const sent = await fetch(`http://127.0.0.1:${ports.INGEST_PORT}/api/v1/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ device_id: device, status: "online", temperature: 91 }),
    });
    expect(sent.status, await sent.text()).toBe(202);
  }
});
