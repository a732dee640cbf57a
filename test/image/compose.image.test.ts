// docker-compose.yml, whole, on a real engine: from `up` to a ticket, and more processors.
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../harness/port.ts";
import { waitFor } from "../harness/wait.ts";
import { buildImage, type Engine, openEngine, standIns } from "./engine.ts";

const UP_DEADLINE_MS = 900_000;
const ALWAYS_ON = ["kafka", "postgres", "redis", "setup", "ingestor", "processor", "api", "kafdrop"];

describe("docker compose", () => {
  let engine: Engine;
  let folder: string;
  let compose: (args: readonly string[]) => Promise<string>;
  const ports = { API_PORT: 0, INGEST_PORT: 0, KAFDROP_PORT: 0, KAFKA_PORT: 0 };

  beforeAll(async () => {
    const found = await openEngine();
    if (found === undefined) throw new Error("no Docker engine: run scripts/setup-docker.sh");
    engine = found;
    folder = await mkdtemp(join(tmpdir(), "alertcast-compose-"));
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
    await buildImage(engine, "alertcast:test");
    const images = await standIns(engine);
    // As a newcomer does it, and after that only what keeps it apart from others on this machine.
    const envFile = join(folder, ".env");
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
    const health = await fetch(`http://127.0.0.1:${ports.API_PORT}/health`);
    expect(await health.json()).toMatchObject({ status: "ok" });
    const sent = await fetch(`http://127.0.0.1:${ports.INGEST_PORT}/api/v1/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ device_id: "compose-1", status: "online", temperature: 91 }),
    });
    expect(sent.status, await sent.text()).toBe(202);
    await waitFor(async () => (await tickets()).some(({ device_id }) => device_id === "compose-1"), {
      what: "the ticket",
      deadlineMs: 180_000,
    });
    expect(await (await fetch(`http://127.0.0.1:${ports.KAFDROP_PORT}/`)).text()).not.toBe("");

    await up("--scale", "processor=3", "processor");
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

  /** What the containers said is part of the error. */
  async function up(...args: string[]): Promise<void> {
    try {
      await compose(["up", "--detach", "--wait", "--wait-timeout", "600", ...args]);
    } catch (error) {
      throw new Error(await compose(["logs", "--no-color", "--tail", "25"]), { cause: error });
    }
  }

  async function tickets(): Promise<{ device_id: string }[]> {
    return (await (await fetch(`http://127.0.0.1:${ports.API_PORT}/tickets/recent?limit=500`)).json()) as {
      device_id: string;
    }[];
  }
});
