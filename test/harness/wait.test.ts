import { expect, test } from "vitest";
import { waitFor } from "./wait.ts";

test("what the condition returned in the end is returned", async () => {
  const answers = [undefined, false, 0, "there"];
  expect(await waitFor(() => answers.shift(), { what: "an answer" })).toBe("there");
});

test("a condition that throws is asked again", async () => {
  let asked = 0;
  const condition = () => {
    asked += 1;
    if (asked < 3) throw new Error("connection refused");
    return Promise.resolve(asked);
  };
  expect(await waitFor(condition, { what: "a connection" })).toBe(3);
});

test("the error at the deadline says what did not happen and the last reason", async () => {
  const refused = () => Promise.reject(new Error("connection refused"));
  await expect(waitFor(refused, { what: "the broker to answer", deadlineMs: 30 })).rejects.toThrow(
    "waited 0.03 s for the broker to answer: it did not happen; last error: connection refused",
  );
});

test("a condition that never answers does not outlast the deadline", async () => {
  const silent = () => new Promise<boolean>(() => {});
  await expect(waitFor(silent, { what: "a reply", deadlineMs: 30 })).rejects.toThrow(
    "the condition itself did not answer",
  );
});
