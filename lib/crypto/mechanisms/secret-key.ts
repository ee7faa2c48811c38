/**
 * What every secret-key mechanism does alike: generate, import, load and store a key of one exact size.
 *
 * This file must never accept a key that is shorter or longer than its algorithm says, nor copy one into the pool.
 *
 * @see RFC 7518 §6.4 (JWK `oct`)
 */
import { createSecretKey, type KeyObject } from "node:crypto";
import { ALGORITHMS, type AlgorithmName } from "@keystead/contract/algorithms";
import { parseJwk } from "../formats/jwk.ts";
import type { Mechanism } from "../mechanism.ts";
import { fillRandom } from "../random.ts";
import { secretBuffer, wipe } from "../wipe.ts";
import { keyRefused, storedKeyUnreadable } from "./refusals.ts";
import { attempt, MAX_KEY_BYTES } from "./private-key.ts";

/** The key-handling half of a secret-key mechanism. */
export type SecretKeyMethods = Pick<Mechanism, "algorithm" | "cheapGeneration" | "generate" | "load" | "store" | "importKey">;

/** Key handling for `algorithm`: raw bytes (or JWK `oct`) of exactly its size. */
export function secretKeyMethods(algorithm: AlgorithmName): SecretKeyMethods {
  const row = ALGORITHMS[algorithm];
  const sizeBytes = row.sizeBits / 8;
  return {
    algorithm,
    cheapGeneration: true,
    generate: async () => {
      const bytes = fillRandom(secretBuffer(sizeBytes));
      try {
        return createSecretKey(bytes);
      } finally {
        wipe(bytes);
      }
    },
    load(material) {
      if (material.byteLength !== sizeBytes) throw storedKeyUnreadable();
      return createSecretKey(material);
    },
    store: (key) => key.export(),
    importKey(format, bytes) {
      if (format === "raw") return exact(bytes, sizeBytes);
      if (format !== "jwk") throw keyRefused("a secret key is imported as raw or jwk");
      return fromJwk(bytes, sizeBytes, row.jose === undefined ? [] : [row.jose]);
    },
  };
}

function exact(bytes: Uint8Array, sizeBytes: number): KeyObject {
  if (bytes.byteLength !== sizeBytes) throw keyRefused(`it must be ${sizeBytes} bytes`);
  return createSecretKey(bytes);
}

function fromJwk(bytes: Uint8Array, sizeBytes: number, algorithms: readonly string[]): KeyObject {
  const secret = readSecretJwk(bytes, algorithms);
  try {
    return exact(secret, sizeBytes);
  } finally {
    wipe(secret);
  }
}

/**
 * The bytes of an `oct` JWK; the caller wipes them.
 *
 * @param algorithms values that `alg`, if present, may have
 * @throws {HsmError} INVALID_REQUEST
 */
export function readSecretJwk(bytes: Uint8Array, algorithms: readonly string[]): Uint8Array {
  if (bytes.byteLength > MAX_KEY_BYTES) throw keyRefused(`longer than ${MAX_KEY_BYTES} bytes`);
  const { kty, k } = parseJwk(bytes, algorithms);
  if (kty !== "oct" || typeof k !== "string") throw keyRefused("the JWK is not of kty oct");
  const secret = attempt(() => Uint8Array.fromBase64(k, { alphabet: "base64url" }));
  if (secret.toBase64({ alphabet: "base64url", omitPadding: true }) === k) return secret;
  wipe(secret);
  throw keyRefused("k is not canonical base64url");
}
