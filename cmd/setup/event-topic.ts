// How the topic of the events is configured where the set-up makes it. Asks no broker.

/**
 * The configuration of a new topic for events.
 * @param retentionMs how long records are kept, ms
 * @param replicas copies of each partition, from 1. From 3 on an acknowledged event is on two brokers, so that none is
 *   lost with one of them; with fewer no broker could be away without refusing events.
 */
export function eventTopicConfig(retentionMs: number, replicas: number): Record<string, string> {
  return {
    "message.timestamp.type": "LogAppendTime",
    "min.insync.replicas": replicas >= 3 ? "2" : "1",
    "retention.ms": String(retentionMs),
  };
}
