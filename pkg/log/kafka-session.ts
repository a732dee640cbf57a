// One lazily made kafkajs admin connection that is replaced when it keeps failing. Asks nothing by itself.

import type { Admin } from "kafkajs";
import { AlertCastError } from "../errors.ts";
import { type KafkaClient, type KafkaConnection, newClient, unavailable } from "./kafka-client.ts";
import { settled, within } from "./wait.ts";

/** A client is replaced after this many failures in a row: kafkajs does not always find a moved leader, controller or coordinator again. */
const FAILURES_BEFORE_REBUILD = 2;

/** A connection as it is now. */
export interface AdminClient {
  readonly client: KafkaClient;
  readonly admin: Admin;
}

interface Open extends AdminClient {
  readonly connected: Promise<void>;
  failures: number;
}

export class KafkaSession implements AsyncDisposable {
  readonly #connection: KafkaConnection;
  readonly #timeoutMs: number;
  #open: Open | undefined;
  #closed = false;

  /** @param timeoutMs a question, connecting included, has failed after so long */
  constructor(connection: KafkaConnection, timeoutMs: number) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
  }

  /** @param what the question, after "cannot". @throws AlertCastError `unavailable` */
  async ask<T>(what: string, question: (admin: Admin) => Promise<T>): Promise<T> {
    if (this.#closed) throw new AlertCastError("unavailable", "the log was closed");
    let open: Open | undefined;
    try {
      open = this.#open ??= openSession(this.#connection, this.#timeoutMs);
      const { connected, admin } = open;
      const result = await within(
        connected.then(() => question(admin)),
        this.#timeoutMs,
        what,
      );
      open.failures = 0;
      return result;
    } catch (error) {
      if (open !== undefined && ++open.failures >= FAILURES_BEFORE_REBUILD && this.#open === open) {
        this.#open = undefined;
        void closeAdmin(open);
      }
      throw unavailable(`cannot ${what}`, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    if (this.#open !== undefined) await closeAdmin(this.#open);
  }
}

function openSession(connection: KafkaConnection, timeoutMs: number): Open {
  const admin = openAdmin(connection, timeoutMs);
  const connected = admin.admin.connect();
  const open: Open = { ...admin, connected, failures: 0 };
  connected.catch(() => {
    // Whoever asks gets this error too; a session that never connected must not be asked again.
    open.failures = FAILURES_BEFORE_REBUILD;
  });
  return open;
}

/** Not connected yet. */
export function openAdmin(connection: KafkaConnection, timeoutMs: number): AdminClient {
  const client = newClient(connection, {
    requestTimeoutMs: timeoutMs,
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 },
  });
  return { client, admin: client.kafka.admin() };
}

/** Within bounds, whatever the brokers do. */
export async function closeAdmin({ admin, client }: AdminClient): Promise<void> {
  await settled(admin.disconnect(), 2_000);
  client.cut();
}
