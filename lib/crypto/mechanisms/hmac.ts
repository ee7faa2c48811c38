/**
 * HMAC with SHA-2 and SHA-3.
 *
 * Codes are full length unless a caller asks for less, to make one and to verify one; less than half the digest, or
 * than 80 bits, is never made (RFC 2104 §5).
 *
 * @see RFC 2104, FIPS 198-1, RFC 7518 §3.2; FIPS 202 §7 (SHA-3)
 */
import { createHmac, type KeyObject } from "node:crypto";
import { DIGESTS, type AlgorithmName, type DigestName } from "@keystead/contract/algorithms";
import { opensslDigest } from "../digest.ts";
import type { Macer, MacParams, Mechanism } from "../mechanism.ts";
import { NO_NONCE, takesLengthOnly } from "./mac-params.ts";
import { secretKeyMethods } from "./secret-key.ts";
import { sameTag, tagLength, type TagLengths } from "./tag-length.ts";

const SHORTEST_BYTES = 10;

function hmac(algorithm: AlgorithmName, digest: DigestName): Mechanism {
  const hash = opensslDigest(digest);
  const full = DIGESTS[digest].outputBytes;
  const lengths: TagLengths = { name: algorithm, shortest: Math.max(SHORTEST_BYTES, full / 2), longest: full, usual: full };
  const check = (params: MacParams): number => {
    takesLengthOnly("HMAC", params);
    return tagLength(lengths, params.macBytes);
  };
  const compute = (key: KeyObject, data: Uint8Array, bytes: number): Buffer =>
    createHmac(hash, key).update(data).digest().subarray(0, bytes);
  const macer: Macer = {
    cost: "inline",
    check: (params) => void check(params),
    mac: (key, data, params) => ({ mac: compute(key, data, check(params)), nonce: NO_NONCE }),
    verify: (key, data, tag, params) => sameTag(compute(key, data, check(params)), tag),
  };
  return Object.freeze<Mechanism>({ ...secretKeyMethods(algorithm), macer: Object.freeze(macer) });
}

export const hmacSha256: Mechanism = hmac("HMAC-SHA-256", "SHA-256");
export const hmacSha384: Mechanism = hmac("HMAC-SHA-384", "SHA-384");
export const hmacSha512: Mechanism = hmac("HMAC-SHA-512", "SHA-512");
export const hmacSha3_256: Mechanism = hmac("HMAC-SHA3-256", "SHA3-256");
export const hmacSha3_384: Mechanism = hmac("HMAC-SHA3-384", "SHA3-384");
export const hmacSha3_512: Mechanism = hmac("HMAC-SHA3-512", "SHA3-512");
