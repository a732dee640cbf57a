// Gives each test a Kafka topic of its own.
import { randomBytes } from "node:crypto";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { services } from "./services.ts";
import { waitFor } from "./wait.ts";

export interface TopicOptions {
  readonly partitions: number;
  /** Topic settings besides `message.timestamp.type=LogAppendTime`. */
  readonly config?: Readonly<Record<string, string>>;
}

/** Creates a topic and returns its name once every partition has a leader that serves it. */
export async function freshTopic({ partitions, config = {} }: TopicOptions): Promise<string> {
  const topic = `test-${randomBytes(8).toString("hex")}`;
  const settings = { "message.timestamp.type": "LogAppendTime", ...config };
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const kafka = new Kafka({
    clientId: "harness",
    brokers: services().kafkaBrokers.split(","),
    logLevel: logLevel.NOTHING,
  });
  const admin = kafka.admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }] });
    await waitFor(() => hasLeaders(admin, topic, partitions), { what: `all partitions of ${topic} to have a leader` });
  } finally {
    await admin.disconnect();
  }
  return topic;
}

// Offsets are answered by the partition's leader only, which takes records from then on; nothing is written to the topic.
async function hasLeaders(admin: Admin, topic: string, partitions: number): Promise<boolean> {
  const offsets = await admin.fetchTopicOffsets(topic);
  return offsets.length === partitions;
}
