// The kafkajs clients of everything that is not AlertCast itself, with the fetch settings that AlertCast uses.
import "../../pkg/log/kafka-fixes.ts";
import { connect } from "node:net";
import { Kafka, logLevel } from "kafkajs";

export interface KafkaMessageToSend {
  readonly partition: number;
  readonly key: string;
  readonly value: string;
}

/** As pkg/log/kafka.ts has them by default. */
export const FETCH = { minBytes: 64 * 1024, maxWaitTimeInMs: 100, maxBytesPerPartition: 1024 * 1024 };

/** A client of `brokers` (host:port, comma between several) whose small requests are not held back. */
export function kafkaClient(brokers: string): Kafka {
  return new Kafka({
    clientId: "bench",
    brokers: brokers.split(","),
    // It calls every rebalance an error; what really fails runs into the deadline of the task.
    logLevel: logLevel.NOTHING,
    retry: { retries: 20 },
    socketFactory: ({ host, port, onConnect }) => connect({ host, port, noDelay: true }, onConnect),
  });
}

/** CPU time of this process, ms. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
