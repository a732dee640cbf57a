// A record as kafkajs decodes it, in the terms of the port. Pure.

import type { KafkaMessage } from "kafkajs";
import type { Headers, LogRecord } from "./log.ts";

const NO_HEADERS: Headers = Object.freeze({});

/** Cheaper than making a list of what is mostly not there. */
function isEmpty(headers: object): boolean {
  for (const _ in headers) return false;
  return true;
}

/** The record; its timestamp is the append time where the topic stamps with LogAppendTime. */
export function toRecord(message: KafkaMessage): LogRecord {
  return {
    offset: Number(message.offset),
    appendTimeMs: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: toHeaders(message.headers),
  };
}

/** Values as UTF-8. A name that occurs more than once takes its last value, as Kafka's own lastHeader does. */
function toHeaders(headers: KafkaMessage["headers"]): Headers {
  if (headers === undefined || isEmpty(headers)) return NO_HEADERS;
  const entries = Object.entries(headers ?? {}).map(([name, value]): [string, string] => {
    const last = Array.isArray(value) ? value.at(-1) : value;
    return [name, last === undefined || last === null ? "" : last.toString()];
  });
  return Object.fromEntries(entries);
}
