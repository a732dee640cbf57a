// A fluid model of a topic and the group that reads it, in steps of a second: what a scaler sees, and what its choices do.
// Everything that is random comes from the seed.
import type { GroupState, MemberObservation, Observation, PartitionObservation } from "../../pkg/operator/model.ts";
import { seeded } from "../../test/random.ts";

export interface WorldOptions {
  readonly partitions: number;
  /** Records/s that one replica works through. */
  readonly perReplica: number;
  /** Between two commits of offsets, s. */
  readonly commitSeconds: number;
  readonly replicas: number;
  readonly seed: number;
  /** Records/s of each partition at a second. */
  readonly arrival: (second: number, partition: number) => number;
  /** The broker answers nobody. */
  readonly outage?: (second: number) => boolean;
  /** How many replicas are ended and started again at this second. */
  readonly restarts?: (second: number) => number;
}

/** From being wanted to being a member, s. */
const START_S = 20;
const START_SPREAD_S = 15;
/** The whole group stands still while partitions are dealt anew, s. */
const REBALANCE_S = 6;
/** The speed of a replica varies by this share, from one minute to the next. */
const NOISE = 0.08;

interface Replica {
  readonly id: string;
  readonly joinsAt: number;
  joined: boolean;
  speed: number;
}

export class World {
  readonly #options: WorldOptions;
  readonly #random: () => number;
  readonly #produced: number[];
  readonly #done: number[];
  readonly #committed: number[];
  readonly #busy: { busyMs: number; n: number }[];
  readonly #told: ({ busyMs: number; n: number } | undefined)[];
  /** Ends of each partition by second, for the age of what waits. */
  readonly #history: number[][] = [];
  #replicas: Replica[] = [];
  #made = 0;
  #dealtAt = -1_000;
  second = 0;
  rebalances = 0;
  replicaSeconds = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = seeded(options.seed);
    const zeros = () => new Array<number>(options.partitions).fill(0);
    [this.#produced, this.#done, this.#committed] = [zeros(), zeros(), zeros()];
    this.#busy = Array.from({ length: options.partitions }, () => ({ busyMs: 0, n: 0 }));
    this.#told = new Array<undefined>(options.partitions).fill(undefined);
    for (let i = 0; i < options.replicas; i++) this.#start(-100);
    for (const replica of this.#replicas) replica.joined = true;
  }

  get replicas(): number {
    return this.#replicas.length;
  }

  /** What the target is to have from now on. */
  scale(replicas: number): void {
    while (this.#replicas.length < replicas) this.#start(this.second);
    if (this.#replicas.length === replicas) return;
    // The newest go first, as a ReplicaSet does it.
    const gone = this.#replicas.splice(replicas);
    if (gone.some(({ joined }) => joined)) this.#rebalance();
  }

  /** One second passes. */
  step(): void {
    const { outage, restarts } = this.#options;
    this.second++;
    const again = restarts?.(this.second) ?? 0;
    if (again > 0) {
      this.#replicas.splice(0, again);
      for (let i = 0; i < again; i++) this.#start(this.second);
      this.#rebalance();
    }
    const joining = this.#replicas.filter(({ joined, joinsAt }) => !joined && joinsAt <= this.second);
    const isOut = outage?.(this.second) ?? false;
    if (joining.length > 0 && !isOut) {
      for (const replica of joining) replica.joined = true;
      this.#rebalance();
    }
    if (!isOut) this.#produce();
    if (!isOut && this.second - this.#dealtAt >= REBALANCE_S) this.#work();
    if (!isOut) this.#commit();
    this.replicaSeconds += this.#replicas.length;
  }

  /** Age of the oldest record that was not worked on, s. */
  get lagSeconds(): number {
    let worst = 0;
    for (let p = 0; p < this.#produced.length; p++) {
      if ((this.#produced[p] ?? 0) - (this.#done[p] ?? 0) < 1) continue;
      worst = Math.max(worst, this.second - this.#arrivedAt(p, this.#done[p] ?? 0));
    }
    return worst;
  }

  /** undefined while the broker is away. */
  observe(): Observation | undefined {
    if (this.#options.outage?.(this.second)) return undefined;
    const rebalancing = this.second - this.#dealtAt < REBALANCE_S;
    const members = this.#members();
    const state: GroupState = members.length === 0 ? "Empty" : rebalancing ? "PreparingRebalance" : "Stable";
    const partitions = this.#produced.map(
      (produced, partition): PartitionObservation => ({
        topic: "t",
        partition,
        committed: Math.floor(this.#committed[partition] ?? 0),
        start: 0,
        end: Math.floor(produced),
        busy: this.#told[partition],
      }),
    );
    const assigned = members.map(
      ({ id }, i): MemberObservation => ({
        id,
        partitions: partitions
          .filter((_, p) => p % members.length === i)
          .map(({ topic, partition }) => ({ topic, partition })),
      }),
    );
    return {
      partitions,
      group: { state, members: rebalancing ? members.map(({ id }) => ({ id, partitions: [] })) : assigned },
      replicas: this.#replicas.length,
      readyReplicas: members.length,
    };
  }

  #members(): Replica[] {
    return this.#replicas.filter(({ joined }) => joined);
  }

  #start(now: number): void {
    const joinsAt = now + START_S + this.#random() * START_SPREAD_S;
    const id = `replica-${String(this.#made++).padStart(5, "0")}`;
    this.#replicas.push({ id, joinsAt, joined: false, speed: 1 });
  }

  #rebalance(): void {
    // Joins within one rebalance are one.
    if (this.second - this.#dealtAt >= REBALANCE_S) this.rebalances++;
    this.#dealtAt = this.second;
  }

  #produce(): void {
    const ends: number[] = [];
    for (let p = 0; p < this.#produced.length; p++) {
      const next = (this.#produced[p] ?? 0) + Math.max(0, this.#options.arrival(this.second, p));
      this.#produced[p] = next;
      ends.push(next);
    }
    this.#history[this.second] = ends;
  }

  #work(): void {
    const members = this.#members();
    members.forEach((member, i) => {
      if (this.second % 60 === 0) member.speed = 1 + (this.#random() * 2 - 1) * NOISE;
      const own: number[] = [];
      for (let p = i; p < this.#produced.length; p += members.length) own.push(p);
      this.#serve(own, this.#options.perReplica * member.speed);
    });
  }

  /** A member serves its partitions in turn: each gets an equal share, and what one does not need goes to the others. */
  #serve(own: readonly number[], budget: number): void {
    let left = budget;
    let waiting = own.filter((p) => (this.#produced[p] ?? 0) - (this.#done[p] ?? 0) > 1e-9);
    while (left > 1e-6 && waiting.length > 0) {
      const share = left / waiting.length;
      for (const p of waiting) {
        const n = Math.min(share, (this.#produced[p] ?? 0) - (this.#done[p] ?? 0));
        this.#done[p] = (this.#done[p] ?? 0) + n;
        left -= n;
        const busy = this.#busy[p];
        if (busy === undefined) continue;
        busy.n += n;
        busy.busyMs += (n / budget) * 1000;
      }
      waiting = waiting.filter((p) => (this.#produced[p] ?? 0) - (this.#done[p] ?? 0) > 1e-9);
    }
  }

  #commit(): void {
    this.#done.forEach((done, p) => {
      // Each at its own moment: nobody looks just after everybody has committed.
      if ((this.second + p) % this.#options.commitSeconds !== 0) return;
      if (Math.floor(done) <= (this.#committed[p] ?? 0)) return;
      this.#committed[p] = Math.floor(done);
      this.#told[p] = this.#busy[p];
      this.#busy[p] = { busyMs: 0, n: 0 };
    });
  }

  #arrivedAt(partition: number, offset: number): number {
    let [low, high] = [0, this.second];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#endAt(middle, partition) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #endAt(second: number, partition: number): number {
    for (let at = second; at > 0; at--) {
      const ends = this.#history[at];
      if (ends !== undefined) return ends[partition] ?? 0;
    }
    return 0;
  }
}
