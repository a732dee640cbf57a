// Turns vitest's JSON report into the one plain line that closes .ci/run.
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

/** `N passed, N failed` and, if there are any, `, N skipped`. A file that failed without a failed test counts as one. */
export function closingLine(report: Report): string {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  const failed = report.numFailedTests + brokenFiles.length;
  const skipped = report.numPendingTests + report.numTodoTests;
  return `${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

if (import.meta.main) {
  const path = process.argv[2];
  if (path === undefined) throw new Error("usage: node test/harness/closing-line.ts REPORT.json");
  console.log(closingLine(JSON.parse(readFileSync(path, "utf8"))));
}
