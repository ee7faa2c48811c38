/**
 * HMAC-SHA-256 of 32-byte messages under one key, with the padded key blocks kept.
 *
 * The audit log needs one such MAC per event; OpenSSL's one-shot digest over a prepared block takes less than half the
 * time of setting up a new HMAC (measured: 1.5 against 2.6 microseconds). The blocks are the key: they live in memory
 * of their own until {@link PreparedHmac.wipe}.
 *
 * @see RFC 2104 §2; FIPS 198-1
 */
import { hash, type KeyObject } from "node:crypto";
import { secretBuffer, wipe } from "./wipe.ts";

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** The length is said although there is no other: Node then looks for no warning to give. */
const AS_BYTES = { outputEncoding: "latin1", outputLength: DIGEST_BYTES } as const;
const AS_HEX = { outputEncoding: "hex", outputLength: DIGEST_BYTES } as const;

export class PreparedHmac {
  readonly #inner = secretBuffer(BLOCK_BYTES + DIGEST_BYTES);
  readonly #outer = secretBuffer(BLOCK_BYTES + DIGEST_BYTES);

  /** @throws {RangeError} when the key is longer than one block, 64 bytes */
  constructor(key: KeyObject) {
    const bytes = key.export();
    if (bytes.length > BLOCK_BYTES) throw new RangeError("the key must have 64 bytes or fewer");
    for (let at = 0; at < BLOCK_BYTES; at += 1) {
      const byte = bytes[at] ?? 0;
      this.#inner[at] = byte ^ 0x36;
      this.#outer[at] = byte ^ 0x5c;
    }
    wipe(bytes);
  }

  /**
   * The MAC of 32 bytes.
   *
   * @param message 64 hexadecimal digits
   * @returns 64 hexadecimal digits
   */
  macHex(message: string): string {
    this.#inner.write(message, BLOCK_BYTES, "hex");
    this.#outer.write(hash("sha256", this.#inner, AS_BYTES), BLOCK_BYTES, "latin1");
    return hash("sha256", this.#outer, AS_HEX);
  }

  /** Zeroes the key; MACs computed afterwards are worthless. */
  wipe(): void {
    wipe(this.#inner, this.#outer);
  }
}
