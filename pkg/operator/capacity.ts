// What one replica can do, in records per second: learned from what busy replicas say of themselves, or from the throughput of
// those that have more than they can do. Never from a group that has just been dealt anew.
import type { Observation, ScalerSpec } from "./model.ts";

/** A lower sample counts fully after about this time, s. */
const LEARN_S = 60;
/** A higher one sooner: what an emptier replica said was too little, as most of its time went into commits. */
const LEARN_MORE_S = 15;
/** Replicas that are less busy than this say little about what they could do: most of their time is overhead. */
const BUSY_ENOUGH = 0.2;
/** An unlearned replica is taken to do this many times what one was seen to do. */
const HOPE = 1.5;
/** What saturated members do may exceed what they say by this before it is believed instead. */
const DISBELIEF = 1.15;

export interface CapacityInput {
  readonly spec: ScalerSpec["capacity"];
  readonly observation: Observation;
  /** By partition key: records committed per second, and whether it has a backlog. */
  readonly partitions: ReadonlyMap<string, { readonly throughput: number | undefined; readonly backlog: number }>;
  readonly rate: number | undefined;
  readonly best: number;
  readonly seconds: number;
  /** The group is stable and was not dealt anew a moment ago. */
  readonly settled: boolean;
}

export interface Capacity {
  /** Learned; undefined = not yet. */
  readonly rate: number | undefined;
  readonly best: number;
}

/** What is known after this look. */
export function learn(input: CapacityInput): Capacity {
  const { rate, best, seconds, settled, spec } = input;
  const members = memberThroughputs(input);
  const nowBest = settled ? Math.max(best, ...members.map((m) => m.throughput)) : best;
  if (!settled || seconds <= 0) return { rate, best: nowBest };
  const saturated = median(members.filter((m) => m.saturated).map((m) => m.throughput));
  const told = spec.mode === "KafkaOnly" ? undefined : toldRate(input);
  const sample = spec.mode === "Busy" ? told : lesser(told, saturated);
  if (sample === undefined || !(sample > 0)) return { rate, best: nowBest };
  // The first sample is believed; later ones move it.
  const weight = rate === undefined ? 1 : 1 - Math.exp(-seconds / (sample > rate ? LEARN_MORE_S : LEARN_S));
  return { rate: (rate ?? sample) + weight * (sample - (rate ?? sample)), best: nowBest };
}

/** Records/s to plan with: learned, declared, or hoped for. 0 = nothing is known at all. */
export function planningRate({ rate, best }: Capacity, spec: ScalerSpec["capacity"]): number {
  return rate ?? spec.initialPerReplica ?? best * HOPE;
}

/** What the replicas say that are busy enough: records over busy time. */
function toldRate(input: CapacityInput): number | undefined {
  const busy = memberWork(input).filter(({ share }) => share >= BUSY_ENOUGH);
  const share = busy.reduce((sum, each) => sum + each.share, 0);
  return share > 0 ? busy.reduce((sum, each) => sum + each.records, 0) / share : undefined;
}

/**
 * The share of its time, 0 to about 1, for which the busiest member was at work since the look before, by what it says itself;
 * undefined where nobody says anything, or only Kafka is to be believed.
 */
export function busiestShare(input: Pick<CapacityInput, "observation" | "partitions" | "spec">): number | undefined {
  if (input.spec.mode === "KafkaOnly") return undefined;
  const shares = memberWork(input).flatMap(({ records, share }) => (records > 0 ? [share] : []));
  return shares.length === 0 ? undefined : Math.max(...shares);
}

/** Records/s of each member's partitions that say how long theirs took, and the share of its time that they took. */
function memberWork({ observation, partitions }: Pick<CapacityInput, "observation" | "partitions">) {
  const cost = new Map(
    observation.partitions.map(({ topic, partition, busy }) => {
      const told = busy !== undefined && busy.n > 0 && busy.busyMs > 0;
      return [`${topic}/${partition}`, told ? busy.busyMs / 1000 / busy.n : undefined];
    }),
  );
  return observation.group.members.map((member) => {
    const work = { records: 0, share: 0 };
    for (const { topic, partition } of member.partitions) {
      const key = `${topic}/${partition}`;
      const [each, throughput] = [cost.get(key), partitions.get(key)?.throughput ?? 0];
      if (each === undefined || throughput <= 0) continue;
      work.records += throughput;
      work.share += throughput * each;
    }
    return work;
  });
}

function memberThroughputs({ observation, partitions }: CapacityInput) {
  return observation.group.members.map((member) => {
    const own = member.partitions.map(({ topic, partition }) => partitions.get(`${topic}/${partition}`));
    const throughput = own.reduce((sum, view) => sum + (view?.throughput ?? 0), 0);
    // A partition in which nothing happens says nothing about its member.
    const active = own.filter((view) => view !== undefined && (view.backlog > 0 || (view.throughput ?? 0) > 0));
    return { throughput, saturated: active.length > 0 && active.every((view) => (view?.backlog ?? 0) > 0) };
  });
}

function lesser(told: number | undefined, seen: number | undefined): number | undefined {
  if (told === undefined || seen === undefined) return told ?? seen;
  return told > seen * DISBELIEF ? seen : told;
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
