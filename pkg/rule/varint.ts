// A growing byte buffer of variable-length integers and texts, and its reader.

/** Integers up to 2^52 in 7-bit groups, lowest first. */
export class ByteWriter {
  #buffer: Buffer;
  #at = 0;

  constructor(sizeBytes: number) {
    this.#buffer = Buffer.allocUnsafe(Math.max(sizeBytes, 16));
  }

  /** @param n integer, 0 to 2^52 */
  varint(n: number): void {
    this.#reserve(8);
    let rest = n;
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#at++] = rest;
  }

  /** Any integer of up to 50 bits, or NaN. */
  optional(n: number): void {
    this.varint(Number.isNaN(n) ? 0 : (n >= 0 ? 2 * n : -2 * n - 1) + 1);
  }

  text(text: string): void {
    this.block(Buffer.from(text, "utf8"));
  }

  /** Bytes with their length before them. */
  block(bytes: Buffer): void {
    this.varint(bytes.length);
    this.#reserve(bytes.length);
    this.#at += bytes.copy(this.#buffer, this.#at);
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}

/** Reads what ByteWriter wrote; throws RangeError past the end. */
export class ByteReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  varint(): number {
    let n = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#buffer[this.#at++];
      if (byte === undefined) throw new RangeError("unexpected end of bytes");
      n += (byte & 0x7f) * scale;
      if (byte < 0x80) return n;
      scale *= 0x80;
    }
  }

  optional(): number {
    const n = this.varint();
    if (n === 0) return Number.NaN;
    const z = n - 1;
    return z % 2 === 0 ? z / 2 : -(z + 1) / 2;
  }

  text(): string {
    return this.block().toString("utf8");
  }

  /** A view into the bytes. */
  block(): Buffer {
    const length = this.varint();
    const end = this.#at + length;
    if (end > this.#buffer.length) throw new RangeError("unexpected end of bytes");
    const block = this.#buffer.subarray(this.#at, end);
    this.#at = end;
    return block;
  }
}
