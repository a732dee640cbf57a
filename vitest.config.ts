import { defineConfig } from "vitest/config";
import { missingTools, servicesToStart } from "./test/harness/tools.ts";
import { missingPrograms } from "./test/kube/control-plane/programs.ts";

const folders = "{bench,cmd,pkg,test}";
// Without the services' programs the integration tests are skipped, loudly (test/harness/global-setup.ts); with CI=true they fail.
const skipped = missingTools(servicesToStart(process.env)).length > 0 && process.env.CI !== "true";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: [`${folders}/**/*.test.ts`],
          exclude: ["**/*.{int,kube,image,live}.test.ts", "**/node_modules/**"],
          maxWorkers: "100%",
          // They wait for nothing, but machines are slow, and other work may run beside.
          testTimeout: 60_000,
          // First, while the services start. (Order 0 would run last where there is only one worker.)
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "integration",
          include: [`${folders}/**/*.int.test.ts`],
          globalSetup: ["test/harness/global-setup.ts"],
          setupFiles: ["test/harness/await-services.ts"],
          // One file after another: the files share one broker and one database server, on machines with two cores.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          // kafkajs asks Node for timers of negative length; the warning says nothing that a reader could act on.
          execArgv: ["--disable-warning=TimeoutNegativeWarning"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          ...(skipped && { testNamePattern: /(?!)/ }),
        },
      },
      {
        test: {
          name: "kube",
          include: ["test/kube/**/*.kube.test.ts"],
          // The one file that needs Kafka and PostgreSQL too.
          exclude: skipped ? ["test/kube/scaler-dashboard.kube.test.ts"] : [],
          globalSetup: ["test/harness/global-setup.ts", "test/kube/control-plane/global-setup.ts"],
          setupFiles: ["test/harness/await-services.ts"],
          execArgv: ["--disable-warning=TimeoutNegativeWarning"],
          // One file after another: they share one API server, and some take its definitions away for a while.
          fileParallelism: false,
          sequence: { groupOrder: 3 },
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // Without the programs they are skipped, loudly (the global set-up says how to get them).
          ...(missingPrograms().length > 0 && { testNamePattern: /(?!)/ }),
        },
      },
      {
        test: {
          name: "live",
          include: ["test/live/**/*.live.test.ts"],
          globalSetup: ["test/harness/global-setup.ts", "test/kube/control-plane/global-setup.ts"],
          setupFiles: ["test/harness/await-services.ts"],
          sequence: { groupOrder: 5 },
          execArgv: ["--disable-warning=TimeoutNegativeWarning", "--max-old-space-size=8192"],
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: "image",
          include: ["test/image/**/*.image.test.ts"],
          // They share one Docker engine. The first build is long, where the bases' packages are not there yet.
          fileParallelism: false,
          sequence: { groupOrder: 4 },
          testTimeout: 600_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
});
