// A cluster and a source in memory for tests of the operator: everything that is written is kept, anything can be made to fail.
import { AlertCastError } from "../pkg/errors.ts";
import type { ScalerCluster, ScalerEvent, StatusPatch, Target, WatchListener } from "../pkg/operator/cluster.ts";
import type { KafkaSpec, ScalerRef } from "../pkg/operator/lag-scaler.ts";
import type { PartitionObservation } from "../pkg/operator/model.ts";
import { NEEDED_FIELDS } from "../pkg/operator/schema-fields.ts";
import type { LagSource, SourceObservation } from "../pkg/operator/source.ts";

/** A LagScaler as the API server gives it. */
export interface StoredScaler {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    generation: number;
    readonly creationTimestamp: string;
  };
  spec: Record<string, unknown>;
  status: Record<string, unknown>;
}

/** With a target `processor` of `replicas`, wanting 1 to 24 of them. */
export function storedScaler(name: string, spec: Record<string, unknown> = {}): StoredScaler {
  return {
    metadata: { name, namespace: "test", uid: `uid-${name}`, generation: 1, creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      targetRef: { name: "processor" },
      kafka: { brokers: ["kafka:9092"], groupId: "g", topics: ["t"], commitIntervalSeconds: 1 },
      ...spec,
    },
    status: { observedGeneration: -1 },
  };
}

export class MemoryCluster implements ScalerCluster {
  /** What happens between the look at the replicas and their write. */
  beforeWrite: () => void = () => {};
  readonly scalers = new Map<string, StoredScaler>();
  readonly events: { readonly event: ScalerEvent; readonly count: number }[] = [];
  /** Every write, oldest first. */
  readonly writes: string[] = [];
  deployment: Target | undefined;
  autoscalers: string[] = [];
  served: ReadonlySet<string> | undefined = new Set(NEEDED_FIELDS);
  /** Thrown by the call of this name. */
  readonly failures = new Map<string, Error>();
  #listener: WatchListener | undefined;

  constructor(replicas: number) {
    this.deployment = { uid: "d", replicas, readyReplicas: replicas, writer: undefined };
  }

  add(scaler: StoredScaler): void {
    this.scalers.set(scaler.metadata.uid, scaler);
    this.#tell();
  }

  remove(uid: string): void {
    this.scalers.delete(uid);
    this.#tell();
  }

  edit(uid: string, spec: Record<string, unknown>): void {
    const scaler = this.#scaler(uid);
    scaler.spec = { ...scaler.spec, ...spec };
    scaler.metadata.generation++;
    this.#tell();
  }

  status(uid: string): Record<string, unknown> {
    return this.#scaler(uid).status;
  }

  async watch(listener: WatchListener, signal: AbortSignal): Promise<void> {
    this.#listener = listener;
    this.#tell();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  async target(): Promise<Target | undefined> {
    this.#mayFail("target");
    return this.deployment;
  }

  async scale(
    _name: string,
    { from, to }: { readonly from: number; readonly to: number },
    mayWrite: () => void = () => {},
  ): Promise<void> {
    this.#mayFail("scale");
    if (this.deployment?.replicas !== from) throw new AlertCastError("conflict", `no longer ${from}`);
    this.beforeWrite();
    mayWrite();
    this.writes.push(`scale ${to}`);
    const writer = { manager: "alertcast-operator", ours: true };
    this.deployment = { ...this.deployment, replicas: to, readyReplicas: to, writer };
  }

  async autoscalersOf(): Promise<readonly string[]> {
    return this.autoscalers;
  }

  async patchStatus({ uid }: ScalerRef, patch: StatusPatch): Promise<void> {
    this.#mayFail("patchStatus");
    this.writes.push("status");
    const scaler = this.#scaler(uid);
    const merged = Object.entries({ ...scaler.status, ...structuredClone(patch) });
    scaler.status = Object.fromEntries(merged.filter(([, value]) => value !== null));
  }

  async record(event: ScalerEvent, { count }: { readonly count: number }): Promise<void> {
    this.#mayFail("record");
    this.writes.push(`event ${event.reason}`);
    this.events.push({ event, count });
  }

  async servedFields(): Promise<ReadonlySet<string> | undefined> {
    return this.served;
  }

  #scaler(uid: string): StoredScaler {
    const scaler = this.scalers.get(uid);
    if (scaler === undefined) throw new AlertCastError("not-found", `no LagScaler ${uid}`);
    return scaler;
  }

  #tell(): void {
    this.#listener?.scalers([...this.scalers.values()].map((scaler) => structuredClone(scaler)));
  }

  #mayFail(call: string): void {
    const failure = this.failures.get(call);
    if (failure !== undefined) throw failure;
  }
}

/** Partitions of one topic at a constant arrival; its members take all of it, `busy` of the time. */
export class MemorySource implements LagSource {
  /** A look fails with this. */
  failure: Error | undefined;
  /** While it is there, no look ends. */
  hanging: Promise<void> | undefined;
  members: number;
  ends: number[];
  /** Behind the ends, the same for each partition. */
  lag = 0;
  /** Records/s and partition. */
  arrival: number;
  /** Share of a member's time that it works. */
  busy: number;
  readonly forgotten: KafkaSpec[] = [];
  #lookedAtMs: number | undefined;
  readonly #now: () => number;

  constructor(options: { partitions: number; members: number; arrival: number; busy: number; now: () => number }) {
    this.members = options.members;
    this.arrival = options.arrival;
    this.busy = options.busy;
    this.#now = options.now;
    this.ends = new Array(options.partitions).fill(0);
  }

  async observe(): Promise<SourceObservation> {
    await this.hanging;
    const nowMs = this.#now();
    const seconds = (nowMs - (this.#lookedAtMs ?? nowMs)) / 1000;
    this.#lookedAtMs = nowMs;
    this.ends = this.ends.map((end) => end + Math.round(this.arrival * seconds));
    if (this.failure !== undefined) throw this.failure;
    const perMember = (this.arrival * this.ends.length) / this.members;
    const partitions = this.ends.map(
      (end, partition): PartitionObservation => ({
        topic: "t",
        partition,
        committed: Math.max(0, end - this.lag),
        start: 0,
        end,
        busy: { n: Math.round(this.arrival), busyMs: (this.busy * 1000 * this.arrival) / perMember },
      }),
    );
    const members = Array.from({ length: this.members }, (_, i) => ({
      id: `member-${i}`,
      partitions: partitions.filter(({ partition }) => partition % this.members === i),
    }));
    return { partitions, group: { state: "Stable", members } };
  }

  async forget(kafka: KafkaSpec): Promise<void> {
    this.forgotten.push(kafka);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
