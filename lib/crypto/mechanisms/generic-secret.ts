/**
 * Generic secrets: bytes from which keys are derived, or that are the key of an HMAC with any hash (PKCS#11
 * CKK_GENERIC_SECRET).
 *
 * One is made with 32 random bytes where nobody says otherwise; it may have 1 to 512, because passwords and secrets of other
 * systems are as long as they are. How long it must be for a derivation is for the derivation to say; one that makes codes
 * has 112 bits, which the vault sees to. This file must never compute anything with one itself.
 *
 * @see PKCS#11 3.1 §6.8; SP 800-108 Rev. 1 §3 (key-derivation key)
 */
import type { KeyObject } from "node:crypto";
import type { Mechanism } from "../mechanism.ts";
import { macerByMode } from "./by-mode.ts";
import { hmacSha256, hmacSha384, hmacSha3_256, hmacSha3_384, hmacSha3_512, hmacSha512 } from "./hmac.ts";
import { secretKeyMethods } from "./secret-key.ts";

export const genericSecret: Mechanism = Object.freeze<Mechanism>({
  ...secretKeyMethods("Generic-Secret"),
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
