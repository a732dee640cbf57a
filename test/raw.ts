// Writes straight to a Kafka topic and asks for its ends, with kafkajs itself: as somebody else's program would.
import { type Admin, Kafka, logLevel, type Message, Partitioners, type Producer } from "kafkajs";

export interface RawTopic extends AsyncDisposable {
  send(messages: readonly Message[]): Promise<void>;
  /** Ends of the partitions that hold anything. */
  ends(): Promise<Map<number, number>>;
}

export async function rawTopic(brokers: readonly string[], topic: string): Promise<RawTopic> {
  const kafka = new Kafka({
    clientId: "raw",
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    retry: { retries: 15 },
  });
  const producer: Producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  const admin: Admin = kafka.admin();
  await Promise.all([producer.connect(), admin.connect()]);
  return {
    send: async (messages) => {
      await producer.send({ topic, acks: -1, messages: [...messages] });
    },
    ends: async () => {
      const offsets = await admin.fetchTopicOffsets(topic);
      const filled = offsets.filter(({ low, high }) => Number(high) > Number(low));
      return new Map(filled.map(({ partition, high }) => [partition, Number(high)]));
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([producer.disconnect(), admin.disconnect()]);
    },
  };
}
