// Where a device is at home, reckoned without the product's code: murmur2 in 64-bit integers cut to 32 bits,
// after the description of Austin Appleby's MurmurHash2 with Kafka's seed. Slow on purpose, so results are kept.

const M = 0x5bd1e995n;
const CUT = 0xffffffffn;

/** Kafka's murmur2 of some bytes as an unsigned 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  const mix = (value: bigint) => (value * M) & CUT;
  let hash = 0x9747b28cn ^ BigInt(bytes.length);
  let rest = [...bytes].map(BigInt);
  while (rest.length >= 4) {
    const word = mix(littleEndian(rest.slice(0, 4)));
    hash = mix(hash) ^ mix(word ^ (word >> 24n));
    rest = rest.slice(4);
  }
  if (rest.length > 0) hash = mix(hash ^ littleEndian(rest));
  hash = mix(hash ^ (hash >> 13n));
  return Number(hash ^ (hash >> 15n));
}

function littleEndian(bytes: readonly bigint[]): bigint {
  return bytes.reduceRight((sum, byte) => sum * 256n + byte, 0n);
}

const known = new Map<string, number>();

/** The home partition of a device id, 0 to partitions - 1. */
export function homeOf(device: string, partitions: number): number {
  let hash = known.get(device);
  if (hash === undefined) {
    hash = murmur2(new TextEncoder().encode(device));
    known.set(device, hash);
  }
  return (hash % 0x80000000) % partitions;
}
