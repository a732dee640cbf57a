// Fills a topic with events before anything is measured.
import { homePartition } from "../../pkg/log/home.ts";
import { eventMaker, type Stream } from "../events.ts";
import { type KafkaMessageToSend, kafkaClient } from "./kafka.ts";

/** Records per request and partition, about 260 kB. */
const CHUNK = 1000;

export interface FillInput {
  readonly brokers: string;
  readonly topic: string;
  readonly partitions: number;
  readonly events: number;
  readonly stream: Stream;
}

/** Appends `events` events, each at its device's home partition with the device id as its key. */
export async function fill({ brokers, topic, partitions, events, stream }: FillInput): Promise<void> {
  const producer = kafkaClient(brokers).producer({ allowAutoTopicCreation: false });
  const make = eventMaker(stream);
  const waiting: KafkaMessageToSend[][] = Array.from({ length: partitions }, () => []);
  const send = (partition: number) => {
    const messages = waiting[partition]?.splice(0) ?? [];
    return messages.length === 0 ? undefined : producer.send({ topic, acks: -1, messages });
  };
  await producer.connect();
  try {
    for (let made = 0; made < events; made++) {
      const { deviceId, json } = make(Date.now());
      const partition = homePartition(deviceId, partitions);
      const count = waiting[partition]?.push({ partition, key: deviceId, value: json }) ?? 0;
      if (count >= CHUNK) await send(partition);
    }
    for (let partition = 0; partition < partitions; partition++) await send(partition);
  } finally {
    await producer.disconnect();
  }
}
