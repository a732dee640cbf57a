// The port of the event log: an append-only topic of partitions whose append time is the log's own clock.
// Adapters: kafka.ts (kafkajs) and postgres.ts (embedded mode). contract.ts is what each must pass.

/** One record as it lies in the log. `value` null is a null value, not an empty one. */
export interface LogRecord {
  readonly offset: number;
  /** Milliseconds since 1970, stamped by the log when the record was appended (LogAppendTime). */
  readonly appendTimeMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Headers;
}

export type Headers = Readonly<Record<string, string>>;

/** One record to append. The partition is always chosen by the caller (pkg/log/home.ts). */
export interface NewRecord {
  readonly partition: number;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers?: Headers;
}

/** Records of one partition as fetched: ascending offsets, all >= fetchedOffset, with no record left out between them. */
export interface Batch {
  readonly partition: number;
  /** The offset that was asked for. */
  readonly fetchedOffset: number;
  readonly records: readonly LogRecord[];
  /** Where the next fetch goes on: last offset of the fetched batch + 1, which control records can put above the last record's. */
  readonly nextOffset: number;
  /** The partition's end when this was fetched. */
  readonly end: number;
}

export interface TopicInfo {
  readonly clusterId: string;
  readonly topic: string;
  readonly partitions: number;
  readonly timestampType: "LogAppendTime" | "CreateTime" | "unknown";
}

/** Oldest offset still there and the offset the next record will get. */
export interface PartitionRange {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
}

export interface OffsetCommit {
  readonly partition: number;
  readonly offset: number;
  readonly metadata?: string;
}

/** What a consumer is told. None of these may throw; `batch` must return at once (queue it, then pause). */
export interface ConsumerListener {
  /** These partitions are ours now, after each (re)balance: all of them, new and kept. Nothing of a new one is delivered until `seek` was called for it. */
  assigned(partitions: readonly number[]): void;
  batch(batch: Batch): void;
}

/** A member of a consumer group, reading only the partitions it was assigned. */
export interface LogConsumer extends AsyncDisposable {
  /** Deliver from this offset on; batches fetched for another position before this call are not delivered after it. */
  seek(partition: number, offset: number): void;
  pause(partition: number): void;
  resume(partition: number): void;
  /** Store the group's offsets in the log's own store: for lag only, nothing is read back from there. */
  commit(offsets: readonly OffsetCommit[]): Promise<void>;
  /** Settles when the consumer has ended: resolves after dispose, rejects when it crashed. */
  readonly ended: Promise<void>;
}

export interface EventLog extends AsyncDisposable {
  /** Throws `unavailable` while the log or the topic cannot be reached. */
  describe(): Promise<TopicInfo>;
  /** Start and end of every partition. */
  ranges(): Promise<readonly PartitionRange[]>;
  /**
   * Appends in order per partition and resolves when all in-sync replicas have all of it. One request is in flight
   * per partition; a send is cut by bytes. Throws `unavailable` when that was not confirmed within the adapter's
   * deadline (the records may be in the log all the same), `too-large` when the log refuses a record's size.
   */
  append(records: readonly NewRecord[]): Promise<void>;
  /** Joins the group and delivers until disposed. The listener is called only after this has resolved. */
  consume(group: string, listener: ConsumerListener): Promise<LogConsumer>;
}
