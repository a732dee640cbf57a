import { expect, test } from "vitest";
import { eventTopicConfig } from "./event-topic.ts";

test.each([
  [1, "1"],
  [2, "1"],
  [3, "2"],
  [5, "2"],
])("of %i copies %s have to be in step before an event is acknowledged", (replicas, expected) => {
  expect(eventTopicConfig(1000, replicas)).toEqual({
    "message.timestamp.type": "LogAppendTime",
    "min.insync.replicas": expected,
    "retention.ms": "1000",
  });
});
