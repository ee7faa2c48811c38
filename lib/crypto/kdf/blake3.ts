/**
 * BLAKE3 in its derive_key mode: the context is a text fixed in an application, never chosen by a peer, and the secret is
 * the key material.
 *
 * @see the BLAKE3 paper §2.3, §6.2
 */
import { blake3 } from "@noble/hashes/blake3.js";
import { paramInvalid } from "../mechanisms/refusals.ts";
import { checkKeyBytes, NOTHING, refuseUnread, type Kdf } from "./kdf.ts";

export const blake3Kdf: Kdf = Object.freeze<Kdf>({
  cost: "inline",
  check(params, secretBytes) {
    refuseUnread("blake3", params);
    checkKeyBytes("blake3", secretBytes);
    if (params.context === undefined || !isText(params.context)) throw paramInvalid("BLAKE3 needs a context, which is UTF-8 text");
  },
  derive(secret, { context = NOTHING }, sizeBytes) {
    const derived = blake3(secret, { context, dkLen: sizeBytes });
    return Buffer.from(derived.buffer, derived.byteOffset, derived.byteLength);
  },
});

function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return bytes.byteLength > 0;
  } catch {
    return false;
  }
}
