// The image on a real engine: what is in it, as whom it runs, how it ends.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../harness/wait.ts";
import { buildImage, type Engine, openEngine } from "./engine.ts";

const TAG = "alertcast:test";
const HARDENED = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

describe("the image", () => {
  let engine: Engine;

  beforeAll(async () => {
    const found = await openEngine();
    if (found === undefined) throw new Error("no Docker engine: run scripts/setup-docker.sh");
    engine = found;
    const megabytes = await buildImage(engine, TAG);
    console.log(`[image] ${megabytes} MB`);
  }, 1_500_000);
  afterAll(() => engine?.[Symbol.asyncDispose]());

  const inside = (command: string) =>
    engine.docker(["run", "--rm", ...HARDENED, "--entrypoint", "/bin/sh", TAG, "-c", command]);

  test("runs as 65532 with a read-only root, and writes nowhere but /tmp", async () => {
    expect(await engine.docker(["inspect", "-f", "{{.Config.User}}", TAG])).toBe("65532:65532");
    expect(await inside("id -u; id -g; touch /tmp/x && echo tmp; touch /app/x 2>/dev/null || echo refused")).toBe(
      "65532\n65532\ntmp\nrefused",
    );
  });

  test("has no build tools, no package manager for JavaScript, no development dependencies and no tests", async () => {
    const tools = "for tool in npm npx yarn gcc cc make python3 git tsc; do command -v $tool; done; true";
    expect(await inside(tools)).toBe("");
    const extra =
      "cd /app; ls -d node_modules/typescript node_modules/vitest test bench 2>/dev/null; find cmd pkg -name '*.test.ts'";
    expect(await inside(`${extra}; true`)).toBe("");
    // The control: the search finds what is there.
    expect(await inside("cd /app; ls -d node_modules/kafkajs; command -v node")).toBe(
      "node_modules/kafkajs\n/usr/local/bin/node",
    );
  });

  test("its argument chooses the program, and node is the first process", async () => {
    expect(await engine.docker(["run", "--rm", ...HARDENED, TAG, "--version"])).toMatch(/^\d+\.\d+\.\d+$/);
    expect(await engine.docker(["run", "--rm", ...HARDENED, TAG, "processor", "--help"])).toContain("run the rules");
    expect(await engine.docker(["inspect", "-f", "{{index .Config.Entrypoint 0}}", TAG])).toBe("/usr/local/bin/node");
  });

  test.each(["ingestor", "processor", "api", "operator"])(
    "%s waits for what it needs, and SIGTERM ends it with 0",
    async (program) => {
      const startedAtMs = performance.now();
      const id = await engine.docker(["run", "-d", ...HARDENED, "-e", "METRICS_PORT=9464", TAG, program]);
      try {
        const health = (path: string) =>
          engine.docker([
            "exec",
            id,
            "node",
            "-e",
            `fetch("http://127.0.0.1:9464${path}").then(r=>console.log(r.status))`,
          ]);
        const live = async () => (await health("/livez")) === "200";
        await waitFor(live, { what: `${program} to be alive`, deadlineMs: 120_000 });
        console.log(
          `[image] ${program} answered within ${Math.round(performance.now() - startedAtMs)} ms of docker run`,
        );
        expect(await health("/readyz")).toBe("503");
        await engine.docker(["stop", "--time", "60", id]);
        expect(await engine.docker(["inspect", "-f", "{{.State.ExitCode}}", id])).toBe("0");
      } finally {
        await engine.docker(["rm", "-f", id]);
      }
    },
  );

  test("a malformed variable ends it with 2 and names the variable", async () => {
    const id = await engine.docker(["run", "-d", ...HARDENED, "-e", "METRICS_PORT=x", TAG, "api"]);
    try {
      expect(await engine.docker(["wait", id])).toBe("2");
      expect(await engine.docker(["logs", id])).toContain("METRICS_PORT must be");
    } finally {
      await engine.docker(["rm", "-f", id]);
    }
  });
});
