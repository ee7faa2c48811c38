/**
 * SP 800-108 in counter mode, with HMAC or AES-CMAC as the pseudorandom function.
 *
 * Each block is PRF(K, [i] || fixed input), the counter 32 bits in front. The fixed input is Label || 0x00 || Context ||
 * [L] with L the length in bits (32 bits), or the caller's own. CMAC has no further key control (SP 800-108 Rev. 1 §6.7):
 * whoever knows the key can find two inputs with one output, so the caller must not.
 *
 * @see SP 800-108 Rev. 1 §4.1, §6.7
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

interface Prf {
  readonly blockBytes: number;
  block(secret: Uint8Array, number: Buffer, fixed: Uint8Array): Buffer;
}

const hmacPrf = ({ digest = DEFAULT }: KdfParams): Prf => ({
  blockBytes: DIGESTS[digest].outputBytes,
  block: (secret, number, fixed) => createHmac(opensslDigest(digest), secret).update(number).update(fixed).digest(),
});

const cmacPrf = (): Prf => ({
  blockBytes: AES_BLOCK_BYTES,
  block: (secret, number, fixed) =>
    opensslMac("CMAC", createSecretKey(secret), Buffer.concat([number, fixed]), { cipher: `aes-${8 * secret.byteLength}-cbc` }),
});

function fixedInput({ label = NOTHING, context = NOTHING, info }: KdfParams, sizeBytes: number): Uint8Array {
  return info ?? Buffer.concat([label, Buffer.alloc(1), context, u32(8 * sizeBytes)]);
}

function counterMode(name: KdfName, prfOf: (params: KdfParams) => Prf, checkKey: (params: KdfParams, secretBytes: number) => void): Kdf {
  return Object.freeze<Kdf>({
    cost: "inline",
    check(params, secretBytes) {
      refuseUnread(name, params);
      if (params.info !== undefined && (params.label !== undefined || params.context !== undefined))
        throw paramInvalid(`${name} takes label and context, or info as the whole fixed input, not both`);
      checkKey(params, secretBytes);
    },
    derive(secret, params, sizeBytes) {
      const prf = prfOf(params);
      const fixed = fixedInput(params, sizeBytes);
      const derived = secretBuffer(sizeBytes);
      for (let i = 1, at = 0; at < sizeBytes; i++, at += prf.blockBytes) {
        const block = prf.block(secret, u32(i), fixed);
        derived.set(block.subarray(0, sizeBytes - at), at);
        wipe(block);
      }
      return derived;
    },
  });
}

export const counterHmac: Kdf = counterMode("counter_hmac", hmacPrf, ({ digest = DEFAULT }, secretBytes) => {
  opensslDigest(digest);
  checkKeyBytes("counter_hmac", secretBytes);
});
export const counterCmac: Kdf = counterMode("counter_cmac", cmacPrf, (_, secretBytes) => {
  if (!AES_KEY_BYTES.includes(secretBytes)) throw paramInvalid("Counter-CMAC derives from a secret of 16, 24 or 32 bytes");
});
