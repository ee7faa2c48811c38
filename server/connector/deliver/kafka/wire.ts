/**
 * Values as Kafka's protocol writes them: big-endian numbers, counted texts and lists; and the same read back from what a broker
 * sent, which is believed in nothing.
 *
 * @see Kafka protocol guide, "Protocol Primitive Types"
 */

/** What a broker sent is not what was agreed on. */
export class MalformedAnswer extends Error {}

/** Bytes one after the other. */
export class Writer {
  readonly #parts: Buffer[] = [];

  #number(bytes: number, write: (buffer: Buffer) => void): this {
    const buffer = Buffer.alloc(bytes);
    write(buffer);
    this.#parts.push(buffer);
    return this;
  }
  int8(value: number): this {
    return this.#number(1, (buffer) => buffer.writeInt8(value));
  }
  int16(value: number): this {
    return this.#number(2, (buffer) => buffer.writeInt16BE(value));
  }
  int32(value: number): this {
    return this.#number(4, (buffer) => buffer.writeInt32BE(value));
  }
  uint32(value: number): this {
    return this.#number(4, (buffer) => buffer.writeUInt32BE(value));
  }
  int64(value: bigint): this {
    return this.#number(8, (buffer) => buffer.writeBigInt64BE(value));
  }
  /** Zigzag, seven bits a byte. @param value a safe integer */
  varint(value: number): this {
    const bytes: number[] = [];
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
    bytes.push(rest);
    return this.raw(Buffer.from(bytes));
  }
  raw(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }
  /** Null is written as length -1. */
  string(text: string | null): this {
    if (text === null) return this.int16(-1);
    const bytes = Buffer.from(text, "utf8");
    return this.int16(bytes.length).raw(bytes);
  }
  bytes(bytes: Buffer): this {
    return this.int32(bytes.length).raw(bytes);
  }
  array<T>(items: readonly T[], write: (item: T) => unknown): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }
  /** Everything so far, in memory of its own, which can be wiped. */
  done(): Buffer {
    const bytes = Buffer.alloc(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#parts) at += part.copy(bytes, at);
    return bytes;
  }
}

/** Reads from the beginning to the end. Every method throws {@link MalformedAnswer} when the bytes do not suffice. */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new MalformedAnswer("the broker's answer is cut short");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
  bool(): boolean {
    return this.#take(1).readInt8() !== 0;
  }
  int16(): number {
    return this.#take(2).readInt16BE();
  }
  int32(): number {
    return this.#take(4).readInt32BE();
  }
  int64(): bigint {
    return this.#take(8).readBigInt64BE();
  }
  string(): string {
    return this.#take(this.int16()).toString("utf8");
  }
  nullableString(): string | null {
    const length = this.int16();
    return length === -1 ? null : this.#take(length).toString("utf8");
  }
  bytes(): Buffer {
    return this.#take(this.int32());
  }
  array<T>(read: () => T): T[] {
    const length = this.int32();
    // Each item is at least a byte, so a length that is made up allocates nothing.
    if (length < -1 || length > this.#bytes.length - this.#at) throw new MalformedAnswer("the broker's answer is cut short");
    return Array.from({ length: Math.max(0, length) }, read);
  }
}
