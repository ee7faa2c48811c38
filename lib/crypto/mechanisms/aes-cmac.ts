/**
 * AES-CMAC, with codes of 16 bytes, or 8 and more when asked for.
 *
 * @see NIST SP 800-38B; RFC 4493; PKCS#11 3.1 CKM_AES_CMAC
 */
import type { KeyObject } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Macer, MacParams, Mechanism } from "../mechanism.ts";
import { NO_NONCE, takesLengthOnly } from "./mac-params.ts";
import { opensslMac } from "./openssl-mac.ts";
import { secretKeyMethods } from "./secret-key.ts";
import { sameTag, tagLength, type TagLengths } from "./tag-length.ts";

/** SP 800-38B App. A.2: at least 64 bits unless something else limits guessing. */
const LENGTHS: TagLengths = { name: "AES-CMAC", shortest: 8, longest: 16, usual: 16 };

function aesCmac(algorithm: AlgorithmName, cipher: string): Mechanism {
  const check = (params: MacParams): number => {
    takesLengthOnly("AES-CMAC", params);
    return tagLength(LENGTHS, params.macBytes);
  };
  const compute = (key: KeyObject, data: Uint8Array, bytes: number): Buffer => opensslMac("CMAC", key, data, { cipher }).subarray(0, bytes);
  const macer: Macer = {
    cost: "inline",
    check: (params) => void check(params),
    mac: (key, data, params) => ({ mac: compute(key, data, check(params)), nonce: NO_NONCE }),
    verify: (key, data, tag, params) => sameTag(compute(key, data, check(params)), tag),
  };
  return Object.freeze<Mechanism>({ ...secretKeyMethods(algorithm), macer: Object.freeze(macer) });
}

export const aes128Cmac: Mechanism = aesCmac("AES-128-CMAC", "aes-128-cbc");
export const aes192Cmac: Mechanism = aesCmac("AES-192-CMAC", "aes-192-cbc");
export const aes256Cmac: Mechanism = aesCmac("AES-256-CMAC", "aes-256-cbc");
