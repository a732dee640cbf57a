// One member of a consumer group. Our own position per partition rules; what kafkajs thinks of offsets never does.
// Never delivers what was fetched elsewhere than at our position, never lets kafkajs reset an offset silently.

import type { Consumer, EachBatchPayload, LogEntry } from "kafkajs";
import { AlertCastError, messageOf } from "../errors.ts";
import { type KafkaClient, type KafkaConnection, newClient, unavailable } from "./kafka-client.ts";
import { toRecord } from "./kafka-record.ts";
import type { ConsumerListener, LogConsumer, LogRecord, OffsetCommit, PartitionRange } from "./log.ts";
import { pause, settled, within } from "./wait.ts";

const DISPOSE_TIMEOUT_MS = 5_000;
const COMMIT_TIMEOUT_MS = 10_000;
/** About 45 s: room for a broker's restart, but less than the minute after which we count as dead. */
const RETRY = { retries: 25, initialRetryTime: 200, maxRetryTime: 2_000 };
const MAX_START_PAUSE_MS = 2_000;
/** How often, and how far apart, an offset must be found out of range before we believe it. */
const RANGE_CHECKS = 2;
const RANGE_CHECK_PAUSE_MS = 500;

/** Settings and the questions a consumer needs answered. */
export interface ConsumerSettings {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly group: string;
  readonly listener: ConsumerListener;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly fetchMinBytes: number;
  readonly fetchMaxWaitMs: number;
  readonly maxBytesPerPartition: number;
  readonly readUncommitted: boolean;
  partitionCount(): Promise<number>;
  ranges(): Promise<readonly PartitionRange[]>;
}

/** What we know of a partition that is ours. */
interface Held {
  /** The next offset to deliver; undefined until the first seek. */
  position: number | undefined;
  paused: boolean;
  /** True while we look whether the position lies in the log at all. */
  doubted: boolean;
  /** Grows with each seek. */
  seeks: number;
}

interface Attempt {
  readonly client: KafkaClient;
  readonly consumer: Consumer;
  joined: boolean;
  crash: Error | undefined;
}

/** See LogConsumer. Joins by itself, for as long as that takes. */
export class KafkaConsumer implements LogConsumer {
  readonly ended: Promise<void>;
  readonly #settings: ConsumerSettings;
  readonly #stop = new AbortController();
  readonly #resolveEnded: () => void;
  readonly #rejectEnded: (error: Error) => void;
  readonly #starting: Promise<void>;
  #held: ReadonlyMap<number, Held> = new Map();
  #attempt: Attempt | undefined;
  #disposing: Promise<void> | undefined;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    this.#rejectEnded = reject;
    // Whoever looks at `ended` later still gets the error; until then it must not end the process by itself.
    promise.catch(() => undefined);
    this.#starting = this.#start();
  }

  seek(partition: number, offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new AlertCastError("invalid", `no offset: ${offset}`);
    const held = this.#held.get(partition);
    if (held === undefined) return; // taken away in the meantime
    held.position = offset;
    held.doubted = false;
    held.seeks++;
    this.#apply(partition, held, true);
  }

  pause(partition: number): void {
    this.#setPaused(partition, true);
  }

  resume(partition: number): void {
    this.#setPaused(partition, false);
  }

  async commit(offsets: readonly OffsetCommit[]): Promise<void> {
    if (offsets.length === 0) return;
    const attempt = this.#attempt;
    if (attempt === undefined || !attempt.joined || this.#stop.signal.aborted) {
      throw new AlertCastError("unavailable", "the consumer is not in its group");
    }
    const wanted = offsets.map(({ partition, offset, metadata }) => ({
      topic: this.#settings.topic,
      partition,
      offset: String(offset),
      metadata: metadata ?? null,
    }));
    try {
      await within(attempt.consumer.commitOffsets(wanted), COMMIT_TIMEOUT_MS, "the commit of offsets");
    } catch (error) {
      throw unavailable("cannot commit offsets", error);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose();
    return this.#disposing;
  }

  async #dispose(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#leave(this.#attempt), settled(this.#starting, DISPOSE_TIMEOUT_MS)]);
    this.#resolveEnded();
  }

  /** Tries until the group is joined or we are disposed. Services start in any order, so nothing here is final. */
  async #start(): Promise<void> {
    const { signal } = this.#stop;
    for (let pauseMs = 200; !signal.aborted; pauseMs = Math.min(pauseMs * 2, MAX_START_PAUSE_MS)) {
      let problem: unknown;
      try {
        problem = await this.#join();
        if (problem === undefined) return;
      } catch (error) {
        problem = error;
      }
      await this.#leave(this.#attempt);
      if (signal.aborted) return;
      const fields = { group: this.#settings.group, error: messageOf(problem) };
      this.#settings.connection.logger?.warn(fields, "cannot join the consumer group yet");
      await pause(pauseMs, signal);
    }
  }

  /** One try; returns what was in the way. */
  async #join(): Promise<Error | undefined> {
    const partitions = await this.#settings.partitionCount();
    if (this.#stop.signal.aborted) return undefined;
    const attempt = this.#newAttempt();
    this.#attempt = attempt;
    const { consumer } = attempt;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#guarded(attempt, () => this.#onJoin(attempt, payload.memberAssignment[this.#settings.topic] ?? []));
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#onCrash(attempt, payload.error));
    consumer.on(consumer.events.STOP, () => void this.#onStop(attempt));
    await consumer.connect();
    await consumer.subscribe({ topic: this.#settings.topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: partitions,
      eachBatch: async (payload) => this.#guarded(attempt, () => this.#onBatch(payload)),
    });
    if (attempt.joined) return undefined;
    return attempt.crash ?? new Error("the consumer stopped before it had joined its group");
  }

  #newAttempt(): Attempt {
    const { connection, topic, group, ...settings } = this.#settings;
    const retry = { ...RETRY, restartOnFailure: async () => false };
    const client = newClient(connection, { requestTimeoutMs: 30_000, retry, onLog: (entry) => this.#onLog(entry) });
    const consumer = client.kafka.consumer({
      groupId: group,
      sessionTimeout: settings.sessionTimeoutMs,
      rebalanceTimeout: settings.sessionTimeoutMs,
      heartbeatInterval: settings.heartbeatMs,
      minBytes: settings.fetchMinBytes,
      maxWaitTimeInMs: settings.fetchMaxWaitMs,
      maxBytesPerPartition: settings.maxBytesPerPartition,
      readUncommitted: settings.readUncommitted,
      allowAutoTopicCreation: false,
      retry,
    });
    return { client, consumer, joined: false, crash: undefined };
  }

  /** After each join kafkajs is back at the group's committed offsets: put it where we are before it fetches. */
  #onJoin(attempt: Attempt, assignment: readonly number[]): void {
    attempt.joined = true;
    const partitions = [...assignment].sort((a, b) => a - b);
    const before = this.#held;
    this.#held = new Map(
      partitions.map((partition) => [
        partition,
        before.get(partition) ?? { position: undefined, paused: false, doubted: false, seeks: 0 },
      ]),
    );
    const lost = [...before.keys()].filter((partition) => !this.#held.has(partition));
    if (lost.length > 0) attempt.consumer.resume([{ topic: this.#settings.topic, partitions: lost }]);
    for (const [partition, held] of this.#held) this.#apply(partition, held, true);
    this.#settings.listener.assigned(partitions);
  }

  #onBatch({ batch, resolveOffset, isStale }: EachBatchPayload): void {
    const { partition } = batch;
    const held = this.#held.get(partition);
    // What is dropped here is not resolved, so it is fetched again.
    if (held?.position === undefined || held.paused || held.doubted || isStale()) return;
    const fetchedOffset = held.position;
    const reallyFetched = Number((batch as typeof batch & { readonly fetchedOffset: string }).fetchedOffset);
    const nextOffset = Number(batch.lastOffset()) + 1;
    if (reallyFetched > fetchedOffset || nextOffset <= fetchedOffset) {
      void this.#doubt(partition, held);
      return;
    }
    const records: LogRecord[] = [];
    for (const message of batch.messages) {
      const record = toRecord(message);
      if (record.offset >= fetchedOffset) records.push(record);
    }
    held.position = nextOffset;
    resolveOffset(batch.lastOffset());
    // The broker notes its high watermark before it reads: records that came in between may be beyond it.
    const end = Math.max(nextOffset, Number(batch.highWatermark));
    this.#settings.listener.batch({ partition, fetchedOffset, records, nextOffset, end });
  }

  /** kafkajs says this before it resets an offset; there is no event for it. What it says is checked before it is believed. */
  #onLog({ log }: LogEntry): void {
    const partition: unknown = log.partition;
    if (!log.message.startsWith("Offset out of range") || typeof partition !== "number") return;
    const held = this.#held.get(partition);
    if (held?.position !== undefined) void this.#doubt(partition, held);
  }

  /** Delivers nothing of the partition until its position is found in the log, and ends with `halted` when it is not. */
  async #doubt(partition: number, held: Held): Promise<void> {
    if (held.doubted) return;
    held.doubted = true;
    this.#apply(partition, held, false);
    const { seeks } = held;
    const isOver = (): boolean =>
      this.#stop.signal.aborted || this.#held.get(partition) !== held || held.seeks !== seeks || !held.doubted;
    for (let outside = 0; !isOver(); ) {
      const range = await this.#rangeOf(partition);
      const position = held.position ?? 0;
      if (isOver()) return;
      if (range !== undefined && position >= range.start && position <= range.end) {
        held.doubted = false;
        return this.#apply(partition, held, true);
      }
      if (range !== undefined && ++outside >= RANGE_CHECKS) {
        const where = `offset ${position} of ${this.#settings.topic}/${partition}`;
        return this.#fail(
          new AlertCastError("halted", `${where} is not in the log, which has ${range.start} to ${range.end}`),
        );
      }
      await pause(RANGE_CHECK_PAUSE_MS, this.#stop.signal);
    }
  }

  async #rangeOf(partition: number): Promise<PartitionRange | undefined> {
    try {
      return (await this.#settings.ranges()).find((range) => range.partition === partition);
    } catch (error) {
      this.#settings.connection.logger?.warn({ partition, error: messageOf(error) }, "cannot read the ends of the log");
      return undefined;
    }
  }

  #onCrash(attempt: Attempt, error: Error): void {
    attempt.crash = error;
    if (attempt.joined) this.#fail(unavailable("the consumer crashed", error));
  }

  /** kafkajs stops by itself only when it crashes, and says so right after; this is for when it does not get that far. */
  async #onStop(attempt: Attempt): Promise<void> {
    if (!attempt.joined) return;
    await pause(DISPOSE_TIMEOUT_MS, this.#stop.signal);
    this.#fail(new AlertCastError("unavailable", "the consumer stopped by itself"));
  }

  #setPaused(partition: number, paused: boolean): void {
    const held = this.#held.get(partition);
    if (held === undefined || held.paused === paused) return; // taken away in the meantime, or so already
    held.paused = paused;
    this.#apply(partition, held, false);
  }

  /** Tells kafkajs whether to fetch, and where we are if it may think otherwise. */
  #apply(partition: number, held: Held, moved: boolean): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    this.#guarded(attempt, () => {
      const { topic } = this.#settings;
      const { position, paused, doubted } = held;
      if (position === undefined || paused || doubted) attempt.consumer.pause([{ topic, partitions: [partition] }]);
      else attempt.consumer.resume([{ topic, partitions: [partition] }]);
      if (moved && position !== undefined) attempt.consumer.seek({ topic, partition, offset: String(position) });
    });
  }

  /** An error in here would end kafkajs while the process lives on, so it ends the consumer instead. */
  #guarded(attempt: Attempt, work: () => void): void {
    if (this.#stop.signal.aborted || this.#attempt !== attempt) return;
    try {
      work();
    } catch (error) {
      this.#fail(new AlertCastError("internal", `the consumer failed: ${messageOf(error)}`, { cause: error }));
    }
  }

  #fail(error: AlertCastError): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#rejectEnded(error);
    void this.#leave(this.#attempt);
  }

  /** Leaves the group and closes the connections, within bounds. */
  async #leave(attempt: Attempt | undefined): Promise<void> {
    if (attempt === undefined) return;
    await settled(attempt.consumer.disconnect(), DISPOSE_TIMEOUT_MS);
    attempt.client.cut();
  }
}
