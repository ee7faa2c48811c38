/**
 * An {@link Agreer} over OpenSSL's Diffie-Hellman.
 *
 * OpenSSL refuses a point that is not on the curve when it reads it, and a zero secret when it makes it (RFC 7748 §6.1).
 * This file must never return a secret that was made after a refusal.
 */
import { diffieHellman } from "node:crypto";
import type { Agreer, Cost } from "../mechanism.ts";
import { ownedSecret } from "./openssl-kem.ts";
import { readPeerKey, type PeerCurve } from "./peer-key.ts";
import { paramInvalid } from "./refusals.ts";

const refused = (): Error => paramInvalid("the peer's public key is not a sound key of this key's curve");

export function opensslAgreer(cost: Cost, curve: PeerCurve, base: Uint8Array): Agreer {
  return Object.freeze<Agreer>({
    cost,
    base,
    peer: (bytes) => readPeerKey(bytes, curve),
    agree(privateKey, publicKey) {
      try {
        return ownedSecret(diffieHellman({ privateKey, publicKey }));
      } catch {
        throw refused();
      }
    },
    agreePooled: (privateKey, publicKey) =>
      new Promise((resolve, reject) => {
        diffieHellman({ privateKey, publicKey }, (error, secret) => (error ? reject(refused()) : resolve(ownedSecret(secret))));
      }),
  });
}
