// How every kafkajs client of ours is made: quiet, without topic creation, its sockets in our hands. Keeps no state of the log.

import "./kafka-fixes.ts";
import { readFileSync } from "node:fs";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import kafkajs, {
  type ISocketFactoryArgs,
  type Kafka,
  type LogEntry,
  type RetryOptions,
  type SASLOptions,
} from "kafkajs";
import { AlertCastError, messageOf } from "../errors.ts";

/** Where warnings go; a pino logger fits. */
export interface KafkaLogger {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** TLS and credentials, both kept in files that may change: an authority is read for each connection, a password for each client. */
export interface KafkaSecurity {
  /** Without a file the machine's own authorities are trusted. */
  readonly tls?: { readonly caFile?: string | undefined } | undefined;
  readonly sasl?:
    | {
        readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
        readonly username: string;
        readonly passwordFile: string;
      }
    | undefined;
}

/** How to reach the cluster. */
export interface KafkaConnection {
  /** `host:port` of at least one broker. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Plaintext without it. */
  readonly security?: KafkaSecurity;
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
  const { tls, sasl } = connection.security ?? {};
  const kafka = new kafkajs.Kafka({
    ...(tls !== undefined && { ssl: {} }),
    ...(sasl !== undefined && { sasl: credentials(sasl) }),
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
      const socket = openSocket(args, tls?.caFile);
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

function openSocket({ host, port, ssl, onConnect }: ISocketFactoryArgs, caFile: string | undefined): Socket {
  const socket = ssl
    ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...authority(caFile) }, onConnect)
    : connectTcp({ host, port }, onConnect);
  return socket.setKeepAlive(true, 30_000).setNoDelay(true);
}

/** Read anew for each connection: a cluster's authority is replaced while we run. */
function authority(caFile: string | undefined): { ca?: Buffer } {
  return caFile === undefined ? {} : { ca: readSecret(caFile) };
}

function credentials({ mechanism, username, passwordFile }: NonNullable<KafkaSecurity["sasl"]>): SASLOptions {
  const password = readSecret(passwordFile).toString("utf8").trimEnd();
  return { mechanism, username, password } as SASLOptions;
}

/** Throws `unavailable`: a Secret may be mounted, or written, after we have started. */
function readSecret(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new AlertCastError("unavailable", `cannot read ${file}`, { cause });
  }
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
