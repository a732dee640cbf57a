// What the scaler remembers from one look to the next: plain data that fits into a Kubernetes object's status. Decides nothing.

/** Ends of the log at one time, for the age of what is not committed: seconds, and one absolute offset for each partition. */
export interface EndPoint {
  readonly atMs: number;
  readonly ends: readonly number[];
}

/** A partition's state between two looks. */
export interface PartitionMemory {
  readonly key: string;
  readonly committed: number;
  readonly end: number;
  /** Arrival, records/s, averaged over about 20 s and 180 s. */
  readonly fast: number;
  readonly slow: number;
  /** Records/s that were committed, averaged over about 20 s. */
  readonly done: number;
  /** Records wait and none was committed: since when. */
  readonly stillSinceMs?: number | undefined;
}

/** A scale-up whose effect is still to be seen. */
export interface Trial {
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  /** Of each partition before: records/s that were committed. */
  readonly before: readonly number[];
  /** Records/s that arrived before. */
  readonly arrival: number;
}

export interface ScalerMemory {
  readonly version: 1;
  readonly atMs: number;
  readonly partitions: readonly PartitionMemory[];
  readonly points: readonly EndPoint[];
  /** Service rate of one replica, records/s; undefined = not learned. */
  readonly rate: number | undefined;
  /** The best throughput of one replica that was seen, records/s. */
  readonly best: number;
  /** Which member had which partitions, and since when. */
  readonly assignment: string;
  readonly assignedAtMs: number;
  /** The members are not as many as wanted, or the group is not stable: since when. */
  readonly unsettledSinceMs: number | undefined;
  /** So many members more than replicas were there for so long that they count as usual. */
  readonly oddMembers?: number | undefined;
  /** Looks without a gap since then. */
  readonly seeingSinceMs: number;
  /** The last look that said nothing or too little: since when, undefined = sighted. */
  readonly blindSinceMs: number | undefined;
  /** How many replicas would have been enough, newest last, each greater than all after it. */
  readonly enough: readonly { readonly atMs: number; readonly n: number }[];
  /** Replicas, and records/s that arrived, at the last look. */
  readonly replicas: number | undefined;
  readonly arrival: number;
  readonly lastScaleMs: number | undefined;
  readonly lastDownMs: number | undefined;
  /** The window before a scale-down is this many times as long as asked for, and halves with time. */
  readonly windowFactor: number;
  readonly factorAtMs: number;
  readonly trial: Trial | undefined;
  readonly holdUntilMs: number | undefined;
  /** No record was committed although there were some: since when. */
  readonly stuckSinceMs: number | undefined;
}

/** A memory that has seen nothing. */
export function newMemory(nowMs: number): ScalerMemory {
  return {
    version: 1,
    atMs: nowMs,
    partitions: [],
    points: [],
    rate: undefined,
    best: 0,
    assignment: "",
    assignedAtMs: nowMs,
    unsettledSinceMs: undefined,
    seeingSinceMs: nowMs,
    blindSinceMs: undefined,
    enough: [],
    replicas: undefined,
    arrival: 0,
    lastScaleMs: undefined,
    lastDownMs: undefined,
    windowFactor: 1,
    factorAtMs: nowMs,
    trial: undefined,
    holdUntilMs: undefined,
    stuckSinceMs: undefined,
  };
}

/**
 * Reads a memory back from where it was kept. Undefined for one of another version or a damaged one: then the scaler begins
 * anew, which costs time, not safety.
 */
export function parseMemory(text: string | undefined): ScalerMemory | undefined {
  if (text === undefined || text === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isStored(value)
    ? { ...value, points: value.points.map((point) => endsOf(point, value.partitions)) }
    : undefined;
}

/** As it is kept: a point says how far its ends lie behind those that the partitions have now, which takes fewer digits. */
type Stored = Omit<ScalerMemory, "points"> & { readonly points: readonly StoredPoint[] };
interface StoredPoint {
  readonly atMs: number;
  readonly behind: readonly number[];
}

function endsOf({ atMs, behind }: StoredPoint, partitions: readonly PartitionMemory[]): EndPoint {
  return { atMs, ends: partitions.map(({ end }, i) => end - (behind[i] ?? 0)) };
}

/**
 * Short enough for a status: offsets are whole, rates have four digits. About 200 characters for a partition: 5 KiB for 24,
 * 13 KiB for 64.
 */
export function writeMemory(memory: ScalerMemory): string {
  const behind = ({ atMs, ends }: EndPoint): StoredPoint => ({
    atMs,
    behind: memory.partitions.map(({ end }, i) => end - (ends[i] ?? end)),
  });
  const stored: Stored = { ...memory, points: memory.points.map(behind) };
  return JSON.stringify(stored, (key, value: unknown) => {
    if (typeof value !== "number" || Number.isInteger(value)) return value;
    return key === "atMs" || key.endsWith("Ms") ? Math.round(value) : Number(value.toPrecision(4));
  });
}

type Fields = Record<string, unknown>;

function isStored(value: unknown): value is Stored {
  if (!isObject(value) || value.version !== 1) return false;
  const numbers = ["atMs", "best", "arrival", "assignedAtMs", "seeingSinceMs", "windowFactor", "factorAtMs"];
  const optional = [
    "rate",
    "replicas",
    "unsettledSinceMs",
    "blindSinceMs",
    "lastScaleMs",
    "lastDownMs",
    "holdUntilMs",
    "stuckSinceMs",
    "oddMembers",
  ];
  if (!numbers.every((name) => Number.isFinite(value[name])) || typeof value.assignment !== "string") return false;
  if (!optional.every((name) => value[name] === undefined || Number.isFinite(value[name]))) return false;
  const { partitions, points, enough, trial } = value;
  const has = (object: unknown, names: readonly string[]) =>
    isObject(object) && names.every((name) => Number.isFinite(object[name]));
  if (!Array.isArray(partitions) || !Array.isArray(points) || !Array.isArray(enough)) return false;
  return (
    partitions.every((p) => has(p, ["committed", "end", "fast", "slow", "done"]) && typeof p.key === "string") &&
    points.every((p) => has(p, ["atMs"]) && isAbout(p.behind, partitions)) &&
    enough.every((e) => has(e, ["atMs", "n"])) &&
    (trial === undefined || (has(trial, ["atMs", "from", "to", "arrival"]) && areNumbers((trial as Fields).before)))
  );
}

function isAbout(behind: unknown, partitions: readonly unknown[]): boolean {
  return areNumbers(behind) && behind.length === partitions.length;
}

function areNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(Number.isFinite);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}
