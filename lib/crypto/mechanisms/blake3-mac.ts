/**
 * BLAKE3 in its keyed mode, with keys of 256 bits.
 *
 * A code has 32 bytes and no other length: BLAKE3's shorter outputs are beginnings of longer ones, and the specification
 * names none. OpenSSL has no BLAKE3; this is noble's, so the key passes through the JavaScript heap for each code.
 *
 * @see the BLAKE3 paper §2.3 (keyed_hash)
 */
import { blake3 } from "@noble/hashes/blake3.js";
import type { KeyObject } from "node:crypto";
import type { Macer, MacParams, Mechanism } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { NO_NONCE, takesLengthOnly } from "./mac-params.ts";
import { secretKeyMethods } from "./secret-key.ts";
import { sameTag, tagLength, type TagLengths } from "./tag-length.ts";

const CODE_BYTES = 32;
const LENGTHS: TagLengths = { name: "BLAKE3-MAC", shortest: CODE_BYTES, longest: CODE_BYTES, usual: CODE_BYTES };

function check(params: MacParams): void {
  takesLengthOnly("BLAKE3-MAC", params);
  tagLength(LENGTHS, params.macBytes);
}

function compute(key: KeyObject, data: Uint8Array): Buffer {
  const secret = key.export();
  try {
    const code = blake3(data, { key: secret });
    return Buffer.from(code.buffer, code.byteOffset, code.byteLength);
  } finally {
    wipe(secret);
  }
}

const macer: Macer = Object.freeze<Macer>({
  cost: "inline",
  check,
  mac(key, data, params) {
    check(params);
    return { mac: compute(key, data), nonce: NO_NONCE };
  },
  verify(key, data, tag, params) {
    check(params);
    return sameTag(compute(key, data), tag);
  },
});

export const blake3Mac: Mechanism = Object.freeze<Mechanism>({ ...secretKeyMethods("BLAKE3-MAC"), macer });
