// Repairs of kafkajs 2.2.4 and the zstd codec it lacks. Importing this file applies them once; it decides nothing else.

import { createRequire } from "node:module";
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import kafkajs from "kafkajs";

interface RequestQueue {
  readonly pending: readonly unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

interface FetchedBatch {
  readonly messages: readonly unknown[];
  readonly rawMessages: readonly unknown[];
  isEmpty(): boolean;
  isEmptyDueToFiltering(): boolean;
}

interface ClassOf<T> {
  readonly prototype: T;
}

const load = createRequire(import.meta.url);

/** Without requests waiting the original arms a timer with a negative delay again and again: about one turn a ms for ever. */
function repairRequestQueue(queue: ClassOf<RequestQueue>): void {
  if (typeof queue.prototype.scheduleCheckPendingRequests !== "function")
    throw new Error("kafkajs: not the version we repair");
  queue.prototype.scheduleCheckPendingRequests = function schedule(this: RequestQueue): void {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    const delayMs = Math.max(this.throttledUntil - Date.now(), 10);
    this.throttleCheckTimeoutId = setTimeout(() => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    }, delayMs);
  };
}

/** The original passes over a batch of only control or aborted records by itself; we must be told, to move our position. */
function repairBatch(batch: ClassOf<FetchedBatch>): void {
  if (typeof batch.prototype.isEmptyDueToFiltering !== "function")
    throw new Error("kafkajs: not the version we repair");
  batch.prototype.isEmptyDueToFiltering = () => false;
  batch.prototype.isEmpty = function isEmpty(this: FetchedBatch): boolean {
    return this.messages.length === 0 && this.rawMessages.length === 0;
  };
}

repairRequestQueue(load("kafkajs/src/network/requestQueue") as ClassOf<RequestQueue>);
repairBatch(load("kafkajs/src/consumer/batch") as ClassOf<FetchedBatch>);

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: (encoder: { readonly buffer: Buffer }): Promise<Buffer> => compress(encoder.buffer),
  decompress: (buffer: Buffer): Promise<Buffer> => decompress(buffer),
});
