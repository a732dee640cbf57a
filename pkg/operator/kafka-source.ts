// Looks at Kafka for the scaler, through kafkajs' admin client. Only reads; everything or nothing.
import kafkajs, { type Admin } from "kafkajs";
import { AlertCastError } from "../errors.ts";
import type { KafkaConnection } from "../log/kafka-client.ts";
import { KafkaSession } from "../log/kafka-session.ts";
import { type KafkaSpec, sourceKey } from "./lag-scaler.ts";
import type { GroupState, MemberObservation, PartitionObservation } from "./model.ts";
import type { LagSource, SourceObservation } from "./source.ts";

/** A look that takes longer says nothing about now. */
const LOOK_TIMEOUT_MS = 8_000;
const STATES: readonly GroupState[] = ["Stable", "Empty", "PreparingRebalance", "CompletingRebalance", "Dead"];

export interface KafkaSourceOptions extends Omit<KafkaConnection, "brokers"> {
  /** Default 8,000. */
  readonly timeoutMs?: number;
}

/** A source for any LagScaler: one connection for each that is asked for, all with the same credentials. */
export function kafkaSource(options: KafkaSourceOptions): LagSource {
  const { timeoutMs = LOOK_TIMEOUT_MS, ...connection } = options;
  const sessions = new Map<string, KafkaSession>();
  const sessionOf = (kafka: KafkaSpec): KafkaSession => {
    const key = sourceKey({ kafka });
    const session = sessions.get(key) ?? new KafkaSession({ ...connection, brokers: kafka.brokers }, timeoutMs);
    sessions.set(key, session);
    return session;
  };
  const forget = async (key: string) => {
    const session = sessions.get(key);
    sessions.delete(key);
    await session?.[Symbol.asyncDispose]();
  };
  return {
    observe: (kafka) => sessionOf(kafka).ask(`look at group ${kafka.groupId}`, (admin) => look(admin, kafka)),
    forget: (kafka) => forget(sourceKey({ kafka })),
    async [Symbol.asyncDispose]() {
      await Promise.all([...sessions.keys()].map(forget));
    },
  };
}

async function look(admin: Admin, { groupId, topics }: KafkaSpec): Promise<SourceObservation> {
  // Committed before ends: an offset that is committed in between then makes the lag too great for a moment, never too small.
  const committed = await admin.fetchOffsets({ groupId, topics: [...topics] });
  const ends = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
  const group = await describeGroup(admin, groupId);
  const partitions = topics.flatMap((topic, i) => {
    const mine = committed.find((each) => each.topic === topic)?.partitions ?? [];
    return partitionsOf(topic, mine, ends[i] ?? []);
  });
  return { partitions, group };
}

type Committed = Awaited<ReturnType<Admin["fetchOffsets"]>>[number]["partitions"][number];
type Ends = Awaited<ReturnType<Admin["fetchTopicOffsets"]>>[number];

/** Both answers must be about the same partitions: with one missing the rest is a part of a sum, not a smaller sum. */
function partitionsOf(topic: string, committed: readonly Committed[], ends: readonly Ends[]): PartitionObservation[] {
  const byPartition = new Map(committed.map((each) => [each.partition, each]));
  if (
    ends.length === 0 ||
    ends.length !== byPartition.size ||
    ends.some(({ partition }) => !byPartition.has(partition))
  ) {
    const text = `incomplete answer about ${topic}: ${ends.length} partitions with ends, ${byPartition.size} of the group`;
    throw new AlertCastError("unavailable", text);
  }
  return ends
    .map(({ partition, low, high }) => {
      const { offset, metadata } = byPartition.get(partition) ?? { offset: "-1", metadata: null };
      return {
        topic,
        partition,
        committed: Number(offset) < 0 ? undefined : Number(offset),
        start: Number(low),
        end: Number(high),
        busy: busyOf(metadata),
      };
    })
    .sort((a, b) => a.partition - b.partition);
}

/** What the owner wrote beside its offset; whatever else is there is somebody else's, and no reason to fail. */
function busyOf(metadata: string | null): PartitionObservation["busy"] {
  if (metadata === null || !metadata.startsWith("{")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(metadata);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("busyMs" in value) || !("n" in value)) return undefined;
  const { busyMs, n } = value;
  const counts = (x: unknown): x is number => typeof x === "number" && Number.isFinite(x) && x >= 0;
  return counts(busyMs) && counts(n) ? { busyMs, n } : undefined;
}

async function describeGroup(admin: Admin, groupId: string): Promise<SourceObservation["group"]> {
  const { groups } = await admin.describeGroups([groupId]);
  const group = groups.find((each) => each.groupId === groupId);
  if (group === undefined) throw new AlertCastError("unavailable", `no answer about group ${groupId}`);
  // It is there, though the client's types do not say so.
  const code = "errorCode" in group ? group.errorCode : 0;
  if (code !== 0) throw new AlertCastError("unavailable", `group ${groupId} cannot be described: error code ${code}`);
  const members = group.members.map(({ memberId, memberAssignment }) => ({
    id: memberId,
    partitions: partitionsOfMember(memberAssignment),
  }));
  return { state: STATES.find((state) => state === group.state) ?? "Unknown", members };
}

/** Empty while the group is being dealt anew. */
function partitionsOfMember(assignment: Buffer): MemberObservation["partitions"] {
  if (assignment.length === 0) return [];
  const decoded = kafkajs.AssignerProtocol.MemberAssignment.decode(assignment);
  return Object.entries(decoded?.assignment ?? {}).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}
