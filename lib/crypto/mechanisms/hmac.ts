/**
 * HMAC with SHA-256, SHA-384 and SHA-512.
 *
 * Codes are full length only, made and accepted: a caller that wants fewer bytes may cut them off, and must then
 * compare them itself. This file must never compare a tag byte by byte with an early exit.
 *
 * @see RFC 2104, FIPS 198-1, RFC 7518 §3.2
 */
import { createHmac, timingSafeEqual, type KeyObject } from "node:crypto";
import { DIGESTS, type AlgorithmName, type DigestName } from "@keystead/contract/algorithms";
import { opensslDigest } from "../digest.ts";
import type { Mechanism } from "../mechanism.ts";
import { secretKeyMethods } from "./secret-key.ts";

function hmac(algorithm: AlgorithmName, digest: DigestName): Mechanism {
  const hash = opensslDigest(digest);
  const tagBytes = DIGESTS[digest].outputBytes;
  const mac = (key: KeyObject, data: Uint8Array): Buffer => createHmac(hash, key).update(data).digest();
  return Object.freeze<Mechanism>({
    ...secretKeyMethods(algorithm),
    macer: Object.freeze({
      cost: "inline",
      mac,
      verify: (key: KeyObject, data: Uint8Array, tag: Uint8Array) => tag.byteLength === tagBytes && timingSafeEqual(mac(key, data), tag),
    }),
  });
}

export const hmacSha256: Mechanism = hmac("HMAC-SHA-256", "SHA-256");
export const hmacSha384: Mechanism = hmac("HMAC-SHA-384", "SHA-384");
export const hmacSha512: Mechanism = hmac("HMAC-SHA-512", "SHA-512");
