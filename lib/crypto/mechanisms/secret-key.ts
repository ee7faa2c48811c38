/**
 * What every secret-key mechanism does alike: generate, import, load and store a key of the size that its algorithm has, or
 * of one of those that it may have.
 *
 * This file must never accept a key that is shorter or longer than its algorithm says, nor copy one into the pool.
 *
 * @see RFC 7518 §6.4 (JWK `oct`)
 */
import { createSecretKey, type KeyObject } from "node:crypto";
import { ALGORITHMS, keyBytes, type AlgorithmName } from "@keystead/contract/algorithms";
import { parseJwk } from "../formats/jwk.ts";
import type { Mechanism } from "../mechanism.ts";
import { fillRandom } from "../random.ts";
import { secretBuffer, wipe } from "../wipe.ts";
import { keyRefused, storedKeyUnreadable } from "./refusals.ts";
import { attempt, MAX_KEY_BYTES } from "./private-key.ts";

/** The key-handling half of a secret-key mechanism. */
export type SecretKeyMethods = Pick<Mechanism, "algorithm" | "cheapGeneration" | "generate" | "load" | "store" | "importKey">;

/** Key handling for `algorithm`: raw bytes (or JWK `oct`) of a size that it has. */
export function secretKeyMethods(algorithm: AlgorithmName): SecretKeyMethods {
  const row = ALGORITHMS[algorithm];
  const { usual, least, most } = keyBytes(algorithm);
  const fits = ({ byteLength }: Uint8Array): boolean => byteLength >= least && byteLength <= most;
  const checked = (bytes: Uint8Array): KeyObject => {
    if (!fits(bytes)) throw keyRefused(least === most ? `it must be ${usual} bytes` : `it must be ${least} to ${most} bytes`);
    return createSecretKey(bytes);
  };
  return {
    algorithm,
    cheapGeneration: true,
    generate: async (sizeBytes = usual) => {
      const bytes = fillRandom(secretBuffer(sizeBytes));
      try {
        return createSecretKey(bytes);
      } finally {
        wipe(bytes);
      }
    },
    load(material) {
      if (!fits(material)) throw storedKeyUnreadable();
      return createSecretKey(material);
    },
    store: (key) => key.export(),
    importKey(format, bytes) {
      if (format === "raw") return checked(bytes);
      if (format !== "jwk") throw keyRefused("a secret key is imported as raw or jwk");
      const { secret, alg } = readSecretJwk(bytes, row.jose === undefined ? [] : [row.jose]);
      try {
        // RFC 7518 §3.2: an HMAC's key that says its alg is at least as long as the digest.
        if (alg !== undefined && secret.byteLength < usual) throw keyRefused(`for its alg it must be at least ${usual} bytes`);
        return checked(secret);
      } finally {
        wipe(secret);
      }
    },
  };
}

/**
 * The bytes of an `oct` JWK, which the caller wipes, and its `alg`.
 *
 * @param algorithms values that `alg`, if present, may have
 * @throws {HsmError} INVALID_REQUEST
 */
function readSecretJwk(bytes: Uint8Array, algorithms: readonly string[]): { readonly secret: Uint8Array; readonly alg: unknown } {
  if (bytes.byteLength > MAX_KEY_BYTES) throw keyRefused(`longer than ${MAX_KEY_BYTES} bytes`);
  const { kty, k, alg } = parseJwk(bytes, algorithms);
  if (kty !== "oct" || typeof k !== "string") throw keyRefused("the JWK is not of kty oct");
  const secret = attempt(() => Uint8Array.fromBase64(k, { alphabet: "base64url" }));
  if (secret.toBase64({ alphabet: "base64url", omitPadding: true }) === k) return { secret, alg };
  wipe(secret);
  throw keyRefused("k is not canonical base64url");
}
