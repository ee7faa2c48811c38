/**
 * AES-XTS, for storage: one data unit (a disk sector) per message, ciphertext as long as plaintext. It authenticates
 * nothing: see unauthenticated.ts.
 *
 * A key is two AES keys, one after the other, that must differ: with equal halves the mode is not what its proof is
 * about, and FIPS 140-3 IG C.I forbids them. The nonce is the tweak: 16 random bytes drawn here. A caller that numbers its
 * sectors brings the number as 16 little-endian bytes, and needs the permission for its own nonces.
 *
 * @see IEEE Std 1619-2018; NIST SP 800-38E (at most 2^20 blocks a data unit); PKCS#11 3.1 CKM_AES_XTS
 */
import { timingSafeEqual, type KeyObject } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Mechanism } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { keyRefused } from "./refusals.ts";
import { secretKeyMethods } from "./secret-key.ts";
import { unauthenticatedCipher } from "./unauthenticated.ts";

const BLOCK_BYTES = 16;
const LONGEST_BYTES = 2 ** 20 * BLOCK_BYTES;

/** Whether the two halves of an XTS key are one key twice. */
function halvesEqual(key: KeyObject): boolean {
  const bytes = key.export();
  try {
    const half = bytes.byteLength / 2;
    return timingSafeEqual(bytes.subarray(0, half), bytes.subarray(half));
  } finally {
    wipe(bytes);
  }
}

function aesXts(algorithm: AlgorithmName, cipher: string): Mechanism {
  const keys = secretKeyMethods(algorithm);
  return Object.freeze<Mechanism>({
    ...keys,
    importKey(format, bytes) {
      const key = keys.importKey(format, bytes);
      if (halvesEqual(key)) throw keyRefused("the two halves of an XTS key must differ");
      return key;
    },
    cipher: unauthenticatedCipher({ cipher, name: "AES-XTS", shortestBytes: BLOCK_BYTES, longestBytes: LONGEST_BYTES }),
  });
}

export const aes128Xts: Mechanism = aesXts("AES-128-XTS", "aes-128-xts");
export const aes256Xts: Mechanism = aesXts("AES-256-XTS", "aes-256-xts");
