// A record as kafkajs decodes it, in the terms of the port. Pure.

import type { KafkaMessage } from "kafkajs";
import type { Headers, LogRecord } from "./log.ts";

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
  const entries = Object.entries(headers ?? {}).map(([name, value]): [string, string] => {
    const last = Array.isArray(value) ? value.at(-1) : value;
    return [name, last === undefined || last === null ? "" : last.toString()];
  });
  return Object.fromEntries(entries);
}
