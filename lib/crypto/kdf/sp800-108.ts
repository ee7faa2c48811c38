/**
 * What the modes of SP 800-108 share: HMAC and AES-CMAC as pseudorandom functions, and the fixed input.
 *
 * The fixed input is Label || 0x00 || Context || [L] with L the length in bits (32 bits), or the caller's own. CMAC has no
 * further key control (SP 800-108 Rev. 1 §6.7): whoever knows the key can find two inputs with one output, so the caller
 * must not.
 *
 * @see SP 800-108 Rev. 1 §4, §6.7
 */
import { createHmac, createSecretKey } from "node:crypto";
import { DIGESTS } from "@keystead/contract/algorithms";
import type { KdfName } from "@keystead/contract/kdfs";
import { opensslDigest } from "../digest.ts";
import { opensslMac } from "../mechanisms/openssl-mac.ts";
import { paramInvalid } from "../mechanisms/refusals.ts";
import { secretBuffer, wipe } from "../wipe.ts";
import { checkKeyBytes, NOTHING, refuseUnread, u32, type Kdf, type KdfParams } from "./kdf.ts";

const DEFAULT = "SHA-256";
const AES_BLOCK_BYTES = 16;
const AES_KEY_BYTES: readonly number[] = [16, 24, 32];

/** A pseudorandom function: one block of so many bytes over all that it is given. */
export interface Prf {
  readonly blockBytes: number;
  block(secret: Uint8Array, ...input: readonly Uint8Array[]): Buffer;
}

const hmacPrf = ({ digest = DEFAULT }: KdfParams): Prf => ({
  blockBytes: DIGESTS[digest].outputBytes,
  block(secret, ...input) {
    const hmac = createHmac(opensslDigest(digest), secret);
    for (const part of input) hmac.update(part);
    return hmac.digest();
  },
});

const cmacPrf = (): Prf => ({
  blockBytes: AES_BLOCK_BYTES,
  block(secret, ...input) {
    // What stands in front of the rest may be a block of what is derived.
    const joined = Buffer.concat(input);
    try {
      return opensslMac("CMAC", createSecretKey(secret), joined, { cipher: `aes-${8 * secret.byteLength}-cbc` });
    } finally {
      wipe(joined);
    }
  },
});

function fixedInput({ label = NOTHING, context = NOTHING, info }: KdfParams, sizeBytes: number): Uint8Array {
  return info ?? Buffer.concat([label, Buffer.alloc(1), context, u32(8 * sizeBytes)]);
}

/** How a mode makes one block after the other: a new maker for each derivation, which is told the number of the block, from 1. */
export type Blocks = (prf: Prf, secret: Uint8Array, fixed: Uint8Array, params: KdfParams) => { next(number: number): Buffer; end(): void };

/** A mode with one of the functions. */
export function modeOf(name: KdfName, prf: "hmac" | "cmac", blocks: Blocks): Kdf {
  const prfOf = prf === "hmac" ? hmacPrf : cmacPrf;
  return Object.freeze<Kdf>({
    cost: "inline",
    check(params, secretBytes) {
      refuseUnread(name, params);
      if (params.info !== undefined && (params.label !== undefined || params.context !== undefined))
        throw paramInvalid(`${name} takes label and context, or info as the whole fixed input, not both`);
      if (prf === "hmac") {
        opensslDigest(params.digest ?? DEFAULT);
        checkKeyBytes(name, secretBytes);
      } else if (!AES_KEY_BYTES.includes(secretBytes)) throw paramInvalid(`${name} derives from a secret of 16, 24 or 32 bytes`);
    },
    derive(secret, params, sizeBytes) {
      const chosen = prfOf(params);
      const made = blocks(chosen, secret, fixedInput(params, sizeBytes), params);
      const derived = secretBuffer(sizeBytes);
      try {
        for (let number = 1, at = 0; at < sizeBytes; number++, at += chosen.blockBytes) {
          const block = made.next(number);
          derived.set(block.subarray(0, sizeBytes - at), at);
          wipe(block);
        }
        return derived;
      } finally {
        made.end();
      }
    },
  });
}
