// Decides to which partition an event goes (its device's home), and knows how long each partition was not written to.
// Never retries: the log's own deadline bounds an append, and only the sender may offer an event again.
import { hasCode } from "../errors.ts";
import { TICK_HEADER, TRACEPARENT_HEADER } from "../log/headers.ts";
import { homePartition } from "../log/home.ts";
import type { EventLog, NewRecord } from "../log/log.ts";
import type { Metrics } from "../telemetry/catalogue.ts";
import { noTracing, type Tracing } from "../telemetry/tracing.ts";

/** An event that passed E5, with the bytes it was sent in. */
export interface ValidEvent {
  readonly deviceId: string;
  readonly value: Buffer;
}

export interface Publisher {
  /**
   * Appends all events in one append, in their order. Resolves when the log has acknowledged all of them.
   * Throws what the log throws; then some may have been written.
   * @param traceparent W3C trace context, if the sender gave one; goes with each record where we trace nothing ourselves
   */
  publish(events: readonly ValidEvent[], traceparent?: string): Promise<void>;
  /** Appends a tick (T3) to each partition not written to for `quietMs`; returns how many. Throws as `publish`. */
  tick(quietMs: number): Promise<number>;
  /** How the last append ended; undefined before the first. */
  readonly lastAppend: "acknowledged" | "failed" | undefined;
}

export interface PublisherOptions {
  readonly log: Pick<EventLog, "append">;
  readonly topicPartitions: number;
  /** Milliseconds of a clock that never goes back. */
  readonly elapsedMs: () => number;
  readonly metrics: Metrics;
  readonly tracing?: Tracing;
}

export function createPublisher(options: PublisherOptions): Publisher {
  const { log, topicPartitions, elapsedMs, metrics, tracing = noTracing } = options;
  const writtenMs = new Array<number>(topicPartitions).fill(Number.NEGATIVE_INFINITY);
  let lastAppend: Publisher["lastAppend"];

  const append = async (records: readonly NewRecord[]) => {
    // The log's stamp lies between here and the acknowledgement: a partition counts as quiet a little early rather than late.
    const startedMs = elapsedMs();
    const observe = metrics.logAppendDuration.startTimer();
    try {
      await log.append(records);
      lastAppend = "acknowledged";
      metrics.dependencyUp.set({ component: "ingestor", dependency: "kafka" }, 1);
    } catch (error) {
      lastAppend = "failed";
      if (hasCode(error, "unavailable")) metrics.dependencyUp.set({ component: "ingestor", dependency: "kafka" }, 0);
      throw error;
    } finally {
      observe();
    }
    for (const { partition } of records) writtenMs[partition] = startedMs;
  };

  return {
    async publish(events, traceparent) {
      const attributes = { "messaging.operation.name": "send", "messaging.batch.message_count": events.length };
      await tracing.span("send events", { kind: "producer", attributes }, async (span) => {
        const context = span.traceparent ?? traceparent;
        const headers = context === undefined ? {} : { headers: { [TRACEPARENT_HEADER]: context } };
        await append(
          events.map(({ deviceId, value }) => ({
            partition: homePartition(deviceId, topicPartitions),
            key: deviceId,
            value,
            ...headers,
          })),
        );
      });
    },
    async tick(quietMs) {
      const latestMs = elapsedMs() - quietMs;
      const ticks = writtenMs.flatMap((ms, partition) =>
        ms <= latestMs ? [{ partition, key: null, value: null, headers: { [TICK_HEADER]: "1" } }] : [],
      );
      if (ticks.length === 0) return 0;
      await append(ticks);
      metrics.ticksAppended.inc(ticks.length);
      return ticks.length;
    },
    get lastAppend() {
      return lastAppend;
    },
  };
}
