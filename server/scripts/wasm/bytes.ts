/**
 * The bytes of a WebAssembly module: LEB128 numbers and vectors, read with every bound checked, and written.
 *
 * The reader sees hostile bytes. It never reads past its end, never makes room for a count that the bytes do not
 * carry, and refuses by {@link ModuleRefused}, nothing else.
 *
 * @see WebAssembly Core Specification 2.0, 5.2.2 (integers) and 5.1.3 (vectors)
 */

/** A module that is not run, with the reason for whoever uploaded it. */
export class ModuleRefused extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "ModuleRefused";
  }
}

export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  byte(): number {
    if (this.at >= this.end) throw new ModuleRefused(`the module ends in the middle of something, at byte ${this.end}`);
    return this.bytes[this.at++] as number;
  }

  /** An unsigned number of at most 32 bits, in at most five bytes. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new ModuleRefused(`a number at byte ${this.at} is longer than 32 bits`);
  }

  /** Steps over a signed number of at most `bits` bits; its value is the engine's to check. */
  skipSigned(bits: 32 | 33 | 64): void {
    const most = Math.ceil(bits / 7);
    for (let count = 0; count < most; count++) if (this.byte() < 0x80) return;
    throw new ModuleRefused(`a number at byte ${this.at} is longer than ${bits} bits`);
  }

  skip(count: number): void {
    if (count > this.end - this.at) throw new ModuleRefused(`the module ends in the middle of something, at byte ${this.end}`);
    this.at += count;
  }

  /** A reader of the next `count` bytes; this one goes on after them. */
  inner(count: number): Reader {
    const from = this.at;
    this.skip(count);
    return new Reader(this.bytes, from, this.at);
  }

  /** The count of a vector, at most `most`; what is counted takes a byte each at least. */
  count(most: number, what: string): number {
    const count = this.u32();
    if (count > most) throw new ModuleRefused(`${count} ${what}; at most ${most} are allowed`);
    if (count > this.end - this.at) throw new ModuleRefused(`the module names ${count} ${what} and ends before them`);
    return count;
  }

  /** A name in UTF-8. */
  name(): string {
    const inner = this.inner(this.u32());
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(inner.bytes.subarray(inner.at, inner.end));
    } catch {
      throw new ModuleRefused("a name is not UTF-8");
    }
  }

  /** The bytes from `from` to here. */
  since(from: number): Uint8Array {
    return this.bytes.subarray(from, this.at);
  }
}

export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  constructor(room = 256) {
    this.#bytes = new Uint8Array(room);
  }

  get length(): number {
    return this.#length;
  }

  #room(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  byte(...values: number[]): this {
    this.#room(values.length);
    for (const value of values) this.#bytes[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    let rest = value;
    while (rest > 0x7f) {
      this.byte((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    return this.byte(rest);
  }

  /** A signed number; `value` is a safe integer. */
  signed(value: number): this {
    let rest = value;
    for (;;) {
      const low = ((rest % 128) + 128) % 128;
      rest = Math.floor(rest / 128);
      if ((rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  name(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u32(bytes.length).raw(bytes);
  }

  /** What was written; valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }
}
