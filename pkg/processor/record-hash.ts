// Recognises a record that was applied before.
import { createHash } from "node:crypto";
import type { LogRecord } from "../log/log.ts";
import type { LastRecord } from "../ticket/store.ts";

/** Offset, append time and the first 16 bytes of the SHA-256 of key and value. */
export function fingerprint(record: LogRecord): LastRecord {
  const hash = createHash("sha256");
  hash.update(record.key === null ? "null" : `key${record.key.length}`);
  if (record.key !== null) hash.update(record.key);
  hash.update(record.value === null ? "null" : "value");
  if (record.value !== null) hash.update(record.value);
  return { offset: record.offset, appendTimeMs: record.appendTimeMs, hash: hash.digest().subarray(0, 16) };
}

/** True if `record` is the one that was applied last. */
export function isSame(record: LogRecord, last: LastRecord): boolean {
  const found = fingerprint(record);
  return (
    found.offset === last.offset &&
    found.appendTimeMs === last.appendTimeMs &&
    Buffer.compare(found.hash, last.hash) === 0
  );
}
