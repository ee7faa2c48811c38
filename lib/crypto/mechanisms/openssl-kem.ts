/**
 * A {@link Kem} over OpenSSL's: ML-KEM, and DHKEM on the curves of RFC 9180.
 *
 * Secrets come out on memory of their own. This file must never compare, re-encrypt or report on its own: what a wrong
 * ciphertext means is decided inside OpenSSL (FIPS 203 §6.3: another secret).
 *
 * @see FIPS 203; RFC 9180 §4.1
 */
import { decapsulate, encapsulate, type KeyObject } from "node:crypto";
import type { Cost, Kem } from "../mechanism.ts";
import { copySecret, wipe } from "../wipe.ts";
import { paramInvalid } from "./refusals.ts";

/** The same secret on memory of its own. */
export function ownedSecret(secret: Uint8Array): Buffer {
  if (Buffer.isBuffer(secret) && secret.buffer.byteLength === secret.byteLength) return secret;
  const copy = copySecret(secret);
  wipe(secret);
  return copy;
}

/** The first byte of a point as RFC 9180 §7.1.1 writes it. */
const UNCOMPRESSED = 0x04;

/** @param what how a refusal calls the ciphertext: "an ML-KEM-768 ciphertext"; @param isPoint whether it is a point of a NIST curve */
export function opensslKem(what: string, cost: Cost, ciphertextBytes: number, secretBytes: number, isPoint = false): Kem {
  const checkLength = (ciphertext: Uint8Array): void => {
    if (ciphertext.byteLength !== ciphertextBytes) throw paramInvalid(`${what} is ${ciphertextBytes} bytes`);
    // OpenSSL also reads 0x06 and 0x07 (X9.62 "hybrid").
    if (isPoint && ciphertext[0] !== UNCOMPRESSED) throw notAPoint();
  };
  // With the right length, OpenSSL fails only where a curve is involved and the point is not on it.
  const notAPoint = (): Error => paramInvalid(`this is not ${what}`);
  return Object.freeze<Kem>({
    cost,
    ciphertextBytes,
    secretBytes,
    encapsulate(publicKey) {
      const { ciphertext, sharedKey } = encapsulate(publicKey);
      return { ciphertext, secret: ownedSecret(sharedKey) };
    },
    decapsulate(key, ciphertext) {
      checkLength(ciphertext);
      try {
        return ownedSecret(decapsulate(key, ciphertext));
      } catch {
        throw notAPoint();
      }
    },
    encapsulatePooled: (publicKey) =>
      new Promise((resolve, reject) => {
        encapsulate(publicKey, (error, { ciphertext, sharedKey } = { ciphertext: NOTHING, sharedKey: NOTHING }) =>
          error ? reject(error) : resolve({ ciphertext, secret: ownedSecret(sharedKey) }),
        );
      }),
    async decapsulatePooled(key: KeyObject, ciphertext) {
      checkLength(ciphertext);
      return new Promise((resolve, reject) => {
        decapsulate(key, ciphertext, (error, secret) => (error ? reject(notAPoint()) : resolve(ownedSecret(secret))));
      });
    },
  });
}

const NOTHING = Buffer.alloc(0);
