/**
 * Generic secrets: bytes from which keys are derived, or that are the key of an HMAC with any hash (PKCS#11
 * CKK_GENERIC_SECRET).
 *
 * One is made with 32 random bytes; one that comes from outside or from a derivation may be 8 to 512 bytes long, because
 * passwords and secrets of other systems are as long as they are. How long it must be for a derivation is for the
 * derivation to say. This file must never compute anything with one itself.
 *
 * @see PKCS#11 3.1 §6.8; SP 800-108 Rev. 1 §3 (key-derivation key)
 */
import { createSecretKey, type KeyObject } from "node:crypto";
import type { Mechanism } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { macerByMode } from "./by-mode.ts";
import { hmacSha256, hmacSha384, hmacSha3_256, hmacSha3_384, hmacSha3_512, hmacSha512 } from "./hmac.ts";
import { keyRefused, storedKeyUnreadable } from "./refusals.ts";
import { readSecretJwk, secretKeyMethods } from "./secret-key.ts";

export const MIN_SECRET_BYTES = 8;
export const MAX_SECRET_BYTES = 512;

const fits = (bytes: Uint8Array): boolean => bytes.byteLength >= MIN_SECRET_BYTES && bytes.byteLength <= MAX_SECRET_BYTES;

function checked(bytes: Uint8Array): KeyObject {
  if (!fits(bytes)) throw keyRefused(`it must be ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes`);
  return createSecretKey(bytes);
}

export const genericSecret: Mechanism = Object.freeze<Mechanism>({
  algorithm: "Generic-Secret",
  cheapGeneration: true,
  generate: secretKeyMethods("Generic-Secret").generate,
  load(material) {
    if (!fits(material)) throw storedKeyUnreadable();
    return createSecretKey(material);
  },
  store: (key) => key.export(),
  importKey(format, bytes) {
    if (format === "raw") return checked(bytes);
    if (format !== "jwk") throw keyRefused("a secret key is imported as raw or jwk");
    const secret = readSecretJwk(bytes, []);
    try {
      return checked(secret);
    } finally {
      wipe(secret);
    }
  },
  deriver: Object.freeze({ secretOf: (key: KeyObject) => key.export() }),
  macer: macerByMode(
    {
      hmac_sha256: hmacSha256.macer,
      hmac_sha384: hmacSha384.macer,
      hmac_sha512: hmacSha512.macer,
      hmac_sha3_256: hmacSha3_256.macer,
      hmac_sha3_384: hmacSha3_384.macer,
      hmac_sha3_512: hmacSha3_512.macer,
    },
    "hmac_sha256",
  ),
});
