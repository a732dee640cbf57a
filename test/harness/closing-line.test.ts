import { expect, test } from "vitest";
import { closingLine } from "./closing-line.ts";

const none = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };

test("passed and failed tests are counted", () => {
  expect(closingLine([{ ...none, numPassedTests: 12, numFailedTests: 2 }])).toBe("12 passed, 2 failed");
});

test("skipped tests are named only when there are any", () => {
  expect(closingLine([{ ...none, numPassedTests: 1, numPendingTests: 2, numTodoTests: 1 }])).toBe(
    "1 passed, 0 failed, 3 skipped",
  );
});

test("a file that could not even be loaded counts as a failure", () => {
  const testResults = [
    { status: "failed", assertionResults: [] },
    { status: "failed", assertionResults: [{ status: "failed" }] },
    { status: "passed", assertionResults: [{ status: "passed" }] },
  ];
  expect(closingLine([{ ...none, numPassedTests: 1, numFailedTests: 1, testResults }])).toBe("1 passed, 2 failed");
});

test("several reports are one sum", () => {
  const first = { ...none, numPassedTests: 12, numFailedTests: 1, numPendingTests: 1 };
  const second = { ...none, numPassedTests: 30, numFailedTests: 2, numTodoTests: 1 };
  expect(closingLine([first, second])).toBe("42 passed, 3 failed, 2 skipped");
});

test("a report that is not there counts as a failure, since its run has died", () => {
  expect(closingLine([{ ...none, numPassedTests: 12 }, undefined])).toBe("12 passed, 1 failed");
});
