/**
 * Reads protobuf bytes from left to right. Every length is checked against the bytes that are there.
 *
 * @see https://protobuf.dev/programming-guides/encoding
 */
export class ProtobufCursor {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** A varint that fits a double exactly. @throws {RangeError} */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 8; index += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new RangeError("the number is too large");
  }

  /** A varint of 64 bits. @throws {RangeError} */
  varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError("the number is too large");
  }

  /** Reads a length; where its content ends. */
  end(): number {
    const length = this.varint();
    const end = this.at + length;
    if (end > this.#bytes.length) throw new RangeError("the message is cut short");
    return end;
  }

  /** A length-delimited UTF-8 text. */
  text(): string {
    const end = this.end();
    const text = this.#bytes.toString("utf8", this.at, end);
    this.at = end;
    return text;
  }

  /** Length-delimited bytes as base64. */
  base64(): string {
    const end = this.end();
    const text = this.#bytes.toString("base64", this.at, end);
    this.at = end;
    return text;
  }

  /** Leaves out a value of this wire type. */
  skip(wireType: number): void {
    if (wireType === 0) this.varint64();
    else if (wireType === 2) this.at = this.end();
    else if (wireType === 1) this.at += 8;
    else if (wireType === 5) this.at += 4;
    else throw new RangeError("unexpected wire type");
  }

  #byte(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw new RangeError("the message is cut short");
    this.at += 1;
    return byte;
  }
}
