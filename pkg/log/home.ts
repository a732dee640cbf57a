// Which partition is a device's home. Pure.

/**
 * Kafka's murmur2 of a key (the Java client's default partitioner; kafkajs' DefaultPartitioner agrees), seed 0x9747b28c.
 * Source: org.apache.kafka.common.utils.Utils#murmur2.
 */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  const m = 0x5bd1e995;
  let h = 0x9747b28c ^ length;
  const blocks = length >>> 2;
  for (let i = 0; i < blocks; i++) {
    const at = i << 2;
    let k =
      (data[at] as number) |
      ((data[at + 1] as number) << 8) |
      ((data[at + 2] as number) << 16) |
      ((data[at + 3] as number) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    h = Math.imul(h, m);
    h ^= k;
  }
  const tail = blocks << 2;
  const rest = length & 3;
  if (rest === 3) h ^= (data[tail + 2] as number) << 16;
  if (rest >= 2) h ^= (data[tail + 1] as number) << 8;
  if (rest >= 1) {
    h ^= data[tail] as number;
    h = Math.imul(h, m);
  }
  h ^= h >>> 13;
  h = Math.imul(h, m);
  h ^= h >>> 15;
  return h;
}

/**
 * The home partition of a device: murmur2 of the id's UTF-8 bytes, sign bit cleared, modulo the number of partitions.
 * @param partitions number of partitions of the topic, >= 1
 */
export function homePartition(deviceId: string, partitions: number): number {
  return (murmur2(Buffer.from(deviceId, "utf8")) & 0x7fffffff) % partitions;
}
