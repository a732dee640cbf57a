// How every kafkajs client of ours is made: quiet, without topic creation, its sockets in our hands. Keeps no state of the log.

import "./kafka-fixes.ts";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import kafkajs, {
  type ISocketFactoryArgs,
  type Kafka,
  type KafkaConfig,
  type LogEntry,
  type RetryOptions,
} from "kafkajs";
import { AlertCastError, messageOf } from "../errors.ts";

/** Where warnings go; a pino logger fits. */
export interface KafkaLogger {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** How to reach the cluster. */
export interface KafkaConnection {
  /** `host:port` of at least one broker. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** TLS and credentials, in the form kafkajs has. */
  readonly security?: Pick<KafkaConfig, "ssl" | "sasl">;
  /** Nothing is logged without it. */
  readonly logger?: KafkaLogger;
}

export interface ClientTuning {
  /** A request without an answer for so long has failed. */
  readonly requestTimeoutMs: number;
  readonly retry: RetryOptions;
  /** Sees each warning and error of kafkajs before it is logged. */
  readonly onLog?: (entry: LogEntry) => void;
}

/** A kafkajs client and the means to cut it off. */
export interface KafkaClient {
  readonly kafka: Kafka;
  /** Closes its sockets now and lets it open no more. */
  cut(): void;
}

/** Makes a client; nothing is connected yet. */
export function newClient(connection: KafkaConnection, tuning: ClientTuning): KafkaClient {
  const sockets = new Set<Socket>();
  let isCut = false;
  const kafka = new kafkajs.Kafka({
    ...connection.security,
    brokers: [...connection.brokers],
    clientId: connection.clientId,
    connectionTimeout: 3_000,
    requestTimeout: tuning.requestTimeoutMs,
    retry: tuning.retry,
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => {
      if (isCut) return; // what breaks now is meant to
      tuning.onLog?.(entry);
      const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = entry.log;
      connection.logger?.warn({ ...fields, namespace: entry.namespace }, `kafkajs: ${message}`);
    },
    socketFactory: (args) => {
      const socket = openSocket(args);
      if (isCut) socket.destroy(new Error("the client was cut off"));
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      return socket;
    },
  });
  const cut = (): void => {
    isCut = true;
    for (const socket of sockets) socket.destroy(new Error("the client was cut off"));
  };
  return { kafka, cut };
}

function openSocket({ host, port, ssl, onConnect }: ISocketFactoryArgs): Socket {
  const socket = ssl
    ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
    : connectTcp({ host, port }, onConnect);
  return socket.setKeepAlive(true, 30_000).setNoDelay(true);
}

/** Anything thrown by kafkajs as `unavailable`; our own errors stay what they are. */
export function unavailable(message: string, cause: unknown): AlertCastError {
  if (cause instanceof AlertCastError) return cause;
  return new AlertCastError("unavailable", `${message}: ${messageOf(cause)}`, { cause });
}

/** The `type` of the Kafka protocol error that is at the bottom of `error`, undefined if there is none. */
export function protocolErrorType(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if ("type" in at && typeof at.type === "string") return at.type;
  }
  return undefined;
}
