// Turns vitest's JSON reports into the one plain line that closes .ci/run.
import { readFileSync } from "node:fs";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * `N passed, N failed` and, if there are any, `, N skipped`, over all reports. A file that failed without a failed test
 * counts as one, and so does a report that is not there (undefined): its run has died.
 */
export function closingLine(reports: readonly (Report | undefined)[]): string {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const report of reports) {
    sum.passed += report?.numPassedTests ?? 0;
    sum.failed += report === undefined ? 1 : report.numFailedTests + brokenFiles(report);
    sum.skipped += report === undefined ? 0 : report.numPendingTests + report.numTodoTests;
  }
  return `${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ""}`;
}

function brokenFiles({ testResults }: Report): number {
  return testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
}

function readReport(path: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    console.error(`no report: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

if (import.meta.main) {
  const paths = process.argv.slice(2);
  if (paths.length === 0) throw new Error("usage: node test/harness/closing-line.ts REPORT.json...");
  console.log(closingLine(paths.map(readReport)));
}
