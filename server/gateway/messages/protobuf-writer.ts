/**
 * Protobuf bytes, written into one buffer that is used again and wiped after each message.
 *
 * Only the wire types that the contract's requests need: varints and length-delimited fields.
 *
 * @see https://protobuf.dev/programming-guides/encoding
 */

const FIRST_BYTES = 16 * 1024;
/** A buffer that grew beyond this is not kept. */
const KEPT_BYTES = 1024 * 1024;

export class ProtobufWriter {
  #buffer = Buffer.alloc(FIRST_BYTES);
  #at = 0;

  /** What was written: a view, valid until the next {@link clear}. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  /** Wipes everything and begins anew. */
  clear(): void {
    this.#buffer.fill(0, 0, this.#at);
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = Buffer.alloc(FIRST_BYTES);
    this.#at = 0;
  }

  /** @param value 0 to 2^53-1 */
  varint(value: number): void {
    this.#room(10);
    let left = value;
    while (left > 0x7f) {
      this.#buffer[this.#at++] = (left % 0x80) | 0x80;
      left = Math.floor(left / 0x80);
    }
    this.#buffer[this.#at++] = left;
  }

  /** A length-delimited field of UTF-8 text. */
  text(tag: number, text: string): void {
    const bytes = Buffer.byteLength(text, "utf8");
    this.varint(tag);
    this.varint(bytes);
    this.#room(bytes);
    this.#at += this.#buffer.write(text, this.#at, "utf8");
  }

  /**
   * A length-delimited field given as base64, in the standard or the URL alphabet, padded or not.
   *
   * @returns false when the text is not exactly that; nothing is written then
   */
  base64(tag: number, text: string): boolean {
    const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
    const digits = text.length - padding;
    if (digits % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return false;
    const bytes = Math.floor((digits * 3) / 4);
    const before = this.#at;
    this.varint(tag);
    this.varint(bytes);
    this.#room(bytes);
    const padded = padding === 0 && digits % 4 !== 0 ? text + "=".repeat(4 - (digits % 4)) : text;
    const alphabet = text.includes("-") || text.includes("_") ? "base64url" : "base64";
    try {
      const { written } = this.#buffer
        .subarray(this.#at, this.#at + bytes)
        .setFromBase64(padded, { alphabet, lastChunkHandling: "strict" });
      this.#at += bytes;
      // White space is skipped by the decoder, so less comes out than the length promised.
      if (written === bytes) return true;
    } catch {
      this.#at += bytes;
    }
    this.#buffer.fill(0, before, this.#at);
    this.#at = before;
    return false;
  }

  /** A length-delimited field whose content `write` appends. */
  nested(tag: number, write: () => void): void {
    this.varint(tag);
    this.#room(1);
    const lengthAt = this.#at++;
    write();
    const length = this.#at - lengthAt - 1;
    if (length < 0x80) {
      this.#buffer[lengthAt] = length;
      return;
    }
    // The length needs more than the one byte that was kept for it.
    const extra = length < 0x4000 ? 1 : length < 0x20_0000 ? 2 : length < 0x1000_0000 ? 3 : 4;
    this.#room(extra);
    this.#buffer.copyWithin(lengthAt + 1 + extra, lengthAt + 1, this.#at);
    const end = this.#at + extra;
    this.#at = lengthAt;
    this.varint(length);
    this.#at = end;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer.fill(0, 0, this.#at);
    this.#buffer = larger;
  }
}
