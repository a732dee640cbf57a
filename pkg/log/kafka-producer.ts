// Appends to the topic: one request in flight per partition, cut by bytes, tried again until the caller's deadline.
// Never idempotent in Kafka's sense (kafkajs loses records that way): a record can be in the log twice, never out of order.

import kafkajs, { type Message, type Producer } from "kafkajs";
import { AlertCastError, messageOf } from "../errors.ts";
import { type KafkaClient, type KafkaConnection, newClient, protocolErrorType } from "./kafka-client.ts";
import { Call, cutByPartition, Lane, type Piece } from "./kafka-lane.ts";
import type { NewRecord } from "./log.ts";
import { pause, settled } from "./wait.ts";

/** A client is replaced after this many failures in a row. */
const FAILURES_BEFORE_REBUILD = 3;
const MAX_RETRY_PAUSE_MS = 1_000;
const TOO_LARGE = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

/** Limits of the producer. */
export interface ProducerLimits {
  /** An append is settled within so many ms. */
  readonly appendTimeoutMs: number;
  /** Bytes of records, overhead included, in one request to one partition; also the limit of a single record. */
  readonly maxRequestBytes: number;
  /** Bytes that may wait or be in flight for one partition. */
  readonly maxQueuedBytes: number;
}

interface Session {
  readonly client: KafkaClient;
  readonly producer: Producer;
  readonly connected: Promise<void>;
  failures: number;
}

/** The appending half of the Kafka adapter. */
export class KafkaProducer implements AsyncDisposable {
  readonly #connection: KafkaConnection;
  readonly #topic: string;
  readonly #limits: ProducerLimits;
  readonly #lanes = new Map<number, Lane>();
  readonly #running = new Set<Promise<void>>();
  readonly #calls = new Set<Call>();
  #session: Session | undefined;
  #closed = false;

  constructor(connection: KafkaConnection, topic: string, limits: ProducerLimits) {
    this.#connection = connection;
    this.#topic = topic;
    this.#limits = limits;
  }

  /** See EventLog.append. Throws `throttled` at once when too many bytes wait for one of the partitions. */
  async append(records: readonly NewRecord[]): Promise<void> {
    if (this.#closed) throw new AlertCastError("unavailable", "the log was closed");
    if (records.length === 0) return;
    const cut = cutByPartition(records, this.#limits.maxRequestBytes);
    for (const [partition, slices] of cut) {
      const bytes = slices.reduce((sum, slice) => sum + slice.bytes, 0);
      const queued = this.#lanes.get(partition)?.queuedBytes ?? 0;
      if (queued > 0 && queued + bytes > this.#limits.maxQueuedBytes) {
        throw new AlertCastError("throttled", `too many bytes wait for partition ${partition}`);
      }
    }
    const call = new Call(this.#limits.appendTimeoutMs);
    this.#calls.add(call);
    for (const [partition, slices] of cut) {
      const lane = this.#lane(partition);
      for (const slice of slices) lane.push({ ...slice, call });
      this.#start(lane);
    }
    await call.done.finally(() => this.#calls.delete(call));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await settled(Promise.allSettled(this.#running), 5_000);
    for (const call of this.#calls) call.fail(new AlertCastError("unavailable", "the log was closed"));
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) await close(session);
  }

  #lane(partition: number): Lane {
    let lane = this.#lanes.get(partition);
    if (lane === undefined) {
      lane = new Lane(partition, this.#limits.maxRequestBytes);
      this.#lanes.set(partition, lane);
    }
    return lane;
  }

  /** The lane starts in the next turn of the event loop, so that appends of this turn go out together. */
  #start(lane: Lane): void {
    if (lane.busy) return;
    lane.busy = true;
    const run = new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#drain(lane));
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
  }

  async #drain(lane: Lane): Promise<void> {
    for (let pieces = lane.take(); pieces.length > 0; pieces = lane.take()) {
      await this.#deliver(lane.partition, pieces);
      lane.release(pieces);
    }
    lane.busy = false;
  }

  /** Sends until it is confirmed, refused for good, or everybody who waits for it has given up. Never rejects. */
  async #deliver(partition: number, pieces: readonly Piece[]): Promise<void> {
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, MAX_RETRY_PAUSE_MS)) {
      const wanted = pieces.filter((piece) => !piece.call.settled);
      if (wanted.length === 0) return;
      try {
        await this.#send(
          partition,
          wanted.flatMap((piece) => piece.messages),
        );
        for (const piece of wanted) piece.call.pieceDone();
        return;
      } catch (error) {
        if (error instanceof AlertCastError && error.code !== "unavailable") {
          for (const piece of wanted) piece.call.fail(error);
          return;
        }
        for (const piece of wanted) piece.call.lastError = error;
        await pause(pauseMs);
      }
    }
  }

  /** One request; halves what the broker finds too large for its own limit. Throws `too-large` for a single such record. */
  async #send(partition: number, messages: Message[]): Promise<void> {
    try {
      await this.#request(partition, messages);
    } catch (error) {
      if (!TOO_LARGE.has(protocolErrorType(error) ?? "")) throw error;
      if (messages.length === 1) {
        throw new AlertCastError("too-large", `the log refuses a record: ${messageOf(error)}`, { cause: error });
      }
      const half = messages.length >>> 1;
      await this.#send(partition, messages.slice(0, half));
      await this.#send(partition, messages.slice(half));
    }
  }

  async #request(partition: number, messages: Message[]): Promise<void> {
    this.#session ??= openSession(this.#connection, this.#limits.appendTimeoutMs);
    const session = this.#session;
    try {
      await session.connected;
      const answer = await session.producer.send({
        topic: this.#topic,
        acks: -1,
        timeout: this.#limits.appendTimeoutMs,
        messages,
      });
      // kafkajs drops records for a partition it does not know without a word.
      if (!answer.some((each) => each.partition === partition && each.errorCode === 0)) {
        throw new AlertCastError("unavailable", `partition ${partition} of ${this.#topic} is not known`);
      }
      session.failures = 0;
    } catch (error) {
      if (++session.failures >= FAILURES_BEFORE_REBUILD && this.#session === session) {
        this.#session = undefined;
        void close(session);
      }
      throw error;
    }
  }
}

function openSession(connection: KafkaConnection, appendTimeoutMs: number): Session {
  const client = newClient(connection, { requestTimeoutMs: appendTimeoutMs, retry: { retries: 0 } });
  const producer = client.kafka.producer({
    allowAutoTopicCreation: false,
    retry: { retries: 0 },
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  const connected = producer.connect();
  const session: Session = { client, producer, connected, failures: 0 };
  connected.catch(() => {
    // Every sender gets this error too; a session that never connected must not be used again.
    session.failures = FAILURES_BEFORE_REBUILD;
  });
  return session;
}

async function close(session: Session): Promise<void> {
  await settled(session.producer.disconnect(), 2_000);
  session.client.cut();
}
