/**
 * AES-GMAC: the tag of AES-GCM over data that is only authenticated.
 *
 * Each code has a nonce of 12 bytes, drawn here and given back with it; without it the code cannot be verified. One
 * nonce used twice under a key gives away the authentication key, so a caller brings its own (8 to 64 bytes) only with the
 * permission for that, and with random ones a key should be rotated before 2^32 codes.
 *
 * @see NIST SP 800-38D §3, §8; PKCS#11 3.1 CKM_AES_GMAC
 */
import { createCipheriv, type KeyObject } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Macer, MacParams, Mechanism } from "../mechanism.ts";
import { checkGcmNonce, gcmNonceFor } from "./gcm-nonce.ts";
import { takesNoMode } from "./one-mode.ts";
import { paramInvalid } from "./refusals.ts";
import { secretKeyMethods } from "./secret-key.ts";
import { sameTag, tagLength, type TagLengths } from "./tag-length.ts";

const TAG_BYTES = 16;
/** SP 800-38D §5.2.1.2; the 8 and 4 bytes of its Appendix C are not offered. */
const LENGTHS: TagLengths = { name: "AES-GMAC", shortest: 12, longest: TAG_BYTES, usual: TAG_BYTES };

function aesGmac(algorithm: AlgorithmName, cipher: "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm"): Mechanism {
  const check = ({ nonce, customization, macBytes, ...more }: MacParams): number => {
    takesNoMode(more);
    if (customization !== undefined) throw paramInvalid("AES-GMAC takes no customisation string; KMAC does");
    checkGcmNonce(nonce);
    return tagLength(LENGTHS, macBytes);
  };
  const compute = (key: KeyObject, data: Uint8Array, nonce: Uint8Array, bytes: number): Buffer => {
    const inner = createCipheriv(cipher, key, nonce, { authTagLength: TAG_BYTES }).setAAD(data);
    inner.final();
    return inner.getAuthTag().subarray(0, bytes);
  };
  const macer: Macer = {
    cost: "inline",
    check: (params) => void check(params),
    mac(key, data, params) {
      const bytes = check(params);
      const nonce = gcmNonceFor(params.nonce);
      return { mac: compute(key, data, nonce, bytes), nonce };
    },
    verify(key, data, tag, params) {
      const bytes = check(params);
      if (params.nonce === undefined) throw paramInvalid("AES-GMAC is verified with the nonce that its code came with");
      return sameTag(compute(key, data, params.nonce, bytes), tag);
    },
  };
  return Object.freeze<Mechanism>({ ...secretKeyMethods(algorithm), macer: Object.freeze(macer) });
}

export const aes128Gmac: Mechanism = aesGmac("AES-128-GMAC", "aes-128-gcm");
export const aes192Gmac: Mechanism = aesGmac("AES-192-GMAC", "aes-192-gcm");
export const aes256Gmac: Mechanism = aesGmac("AES-256-GMAC", "aes-256-gcm");
