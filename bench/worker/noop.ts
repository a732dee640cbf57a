// The baseline of row 1: kafkajs alone. Its eachBatch does nothing with the messages that kafkajs has decoded.
import { cpuMs, FETCH, kafkaClient } from "./kafka.ts";

export interface ConsumeInput {
  readonly brokers: string;
  readonly topic: string;
  readonly partitions: number;
  /** Records in the topic. */
  readonly records: number;
  readonly group: string;
}

export interface Measured {
  /** Records per second from the first batch to the end. */
  readonly perSecond: number;
  /** Records per second of this process's CPU time. */
  readonly perCpuSecond: number;
}

/** Reads the topic to its end. */
export async function consumeNothing({ brokers, topic, partitions, records, group }: ConsumeInput): Promise<Measured> {
  const consumer = kafkaClient(brokers).consumer({ groupId: group, ...FETCH });
  const watch = new Stopwatch(records);
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: partitions,
      eachBatch: async ({ batch, resolveOffset }) => {
        watch.start();
        resolveOffset(batch.lastOffset());
        watch.count(batch.messages.length);
      },
    });
    return await watch.done;
  } finally {
    await consumer.disconnect();
  }
}

/** Runs from the first start() until `records` have been counted. */
export class Stopwatch {
  readonly done: Promise<Measured>;
  readonly #records: number;
  readonly #finish: (measured: Measured) => void;
  #startedMs = Number.NaN;
  #startedCpuMs = 0;
  #counted = 0;

  constructor(records: number) {
    const { promise, resolve } = Promise.withResolvers<Measured>();
    this.done = promise;
    this.#finish = resolve;
    this.#records = records;
  }

  start(): void {
    if (!Number.isNaN(this.#startedMs)) return;
    this.#startedMs = performance.now();
    this.#startedCpuMs = cpuMs();
  }

  get startedMs(): number {
    return this.#startedMs;
  }

  get counted(): number {
    return this.#counted;
  }

  count(records: number): void {
    this.#counted += records;
    if (this.#counted < this.#records) return;
    this.stop();
  }

  /** Ends it with what was counted so far. */
  stop(): void {
    const ms = performance.now() - this.#startedMs;
    this.#finish({
      perSecond: (this.#counted / ms) * 1000,
      perCpuSecond: (this.#counted / (cpuMs() - this.#startedCpuMs)) * 1000,
    });
  }
}
