// The devices of a partition: an id, a slot and three times each, found by the bytes of the id. Bytes and numbers only:
// no object and no string a device.

/** Doubles of a device in `times`, side by side so that one look fetches all of them. */
const STRIDE = 3;
/** Log time of the newest entry. */
export const LAST_SEEN = 0;
/** T5's E: event time of the newest accepted entry with a believed ts; NaN = none. */
export const NEWEST_EVENT = 1;
/** T5's A: log time of that entry. */
export const NEWEST_LOG = 2;

/** At most this share of the hash table is taken. */
const LOAD = 0.6;

/** FNV-1a, 32 bits, over the bytes from `start` to `end`. Source: Fowler, Noll, Vo; draft-eastlake-fnv. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash;
}

export class DeviceTable {
  #count = 0;
  /** UTF-8 of all ids, one after the other; the id of device i ends at #ends[i]. */
  #ids = Buffer.allocUnsafeSlow(1024);
  #ends = new Uint32Array(64);
  /** Open addressing with linear probing: device number + 1, 0 = free. */
  #table = new Uint32Array(128);
  #mask = 127;
  #scratch = Buffer.allocUnsafeSlow(1024);
  /** LAST_SEEN, NEWEST_EVENT and NEWEST_LOG of each device, from its slot on; ms. */
  times = new Float64Array(64 * STRIDE);

  get size(): number {
    return this.#count;
  }

  /** The device's slot (where its times begin), or -1. */
  find(deviceId: string): number {
    const length = this.#encode(deviceId);
    return this.findBytes(this.#scratch, 0, length);
  }

  /** The slot of the device whose id's UTF-8 is these bytes, or -1. */
  findBytes(bytes: Uint8Array, start: number, end: number): number {
    for (let at = hashBytes(bytes, start, end) & this.#mask; ; at = (at + 1) & this.#mask) {
      const entry = this.#table[at] as number;
      if (entry === 0) return -1;
      if (this.#isId(entry - 1, bytes, start, end)) return (entry - 1) * STRIDE;
    }
  }

  /** Makes a slot for a device that has none. */
  add(deviceId: string): number {
    const length = this.#encode(deviceId);
    return this.addBytes(this.#scratch, 0, length);
  }

  /** Makes a slot for the device whose id's UTF-8 is these bytes; it must not have one. */
  addBytes(bytes: Uint8Array, start: number, end: number): number {
    const n = this.#count;
    const from = this.#startOf(n);
    this.#reserve(n, from + end - start);
    for (let i = start; i < end; i++) this.#ids[from + i - start] = bytes[i] as number;
    this.#ends[n] = from + end - start;
    this.#count = n + 1;
    this.#insert(n);
    const slot = n * STRIDE;
    this.times.fill(Number.NaN, slot, slot + STRIDE);
    return slot;
  }

  /** UTF-8 of the id at this slot; a view that the next `add` may make stale. */
  idBytes(slot: number): Buffer {
    const n = slot / STRIDE;
    return this.#ids.subarray(this.#startOf(n), this.#ends[n]);
  }

  /** All slots, in the order in which the devices came. */
  *slots(): Generator<number> {
    for (let n = 0; n < this.#count; n++) yield n * STRIDE;
  }

  #startOf(n: number): number {
    return n === 0 ? 0 : (this.#ends[n - 1] as number);
  }

  /** Writes the id's UTF-8 into #scratch and returns its length. Ids have at most 256 code points: 1,024 bytes. */
  #encode(deviceId: string): number {
    const scratch = this.#scratch;
    for (let i = 0; i < deviceId.length; i++) {
      const unit = deviceId.charCodeAt(i);
      if (unit >= 0x80) return scratch.write(deviceId, "utf8");
      scratch[i] = unit;
    }
    return deviceId.length;
  }

  #isId(n: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#startOf(n);
    const length = end - start;
    if ((this.#ends[n] as number) - from !== length) return false;
    for (let i = 0; i < length; i++) if (this.#ids[from + i] !== bytes[start + i]) return false;
    return true;
  }

  #insert(n: number): void {
    let at = hashBytes(this.#ids, this.#startOf(n), this.#ends[n] as number) & this.#mask;
    while (this.#table[at] !== 0) at = (at + 1) & this.#mask;
    this.#table[at] = n + 1;
  }

  /** Makes room for device number `n` whose id ends at `end`. */
  #reserve(n: number, end: number): void {
    if (end > this.#ids.length) {
      const grown = Buffer.allocUnsafeSlow(Math.ceil(end * 1.25) + 1024);
      this.#ids.copy(grown);
      this.#ids = grown;
    }
    if (n === this.#ends.length) {
      const capacity = Math.ceil(n * 1.25) + 64;
      const ends = new Uint32Array(capacity);
      ends.set(this.#ends);
      this.#ends = ends;
      const times = new Float64Array(capacity * STRIDE);
      times.set(this.times);
      this.times = times;
    }
    if (n + 1 > this.#table.length * LOAD) {
      this.#table = new Uint32Array(this.#table.length * 2);
      this.#mask = this.#table.length - 1;
      for (let i = 0; i < n; i++) this.#insert(i);
    }
  }
}
