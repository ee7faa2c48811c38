/**
 * ECDH on P-256, P-384, P-521 and secp256k1: keys that agree, and never sign.
 *
 * The secret is the x-coordinate of the common point, as long as the field. On the NIST curves the same keys receive what
 * is encapsulated to them by DHKEM, which HPKE builds on.
 *
 * @see SP 800-56A Rev. 3 §5.7.1.2; SEC 1 §3.3.1; RFC 9180 §4.1, §7.1
 */
import { createPublicKey } from "node:crypto";
import type { Cost, Mechanism } from "../mechanism.ts";
import { CURVES, ecKeyMethods } from "./ec-key.ts";
import { hpkeWrapper } from "./hpke-wrapper.ts";
import { opensslAgreer } from "./openssl-agreer.ts";
import { opensslKem } from "./openssl-kem.ts";

const JOSE = ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"];

function ecdh(name: keyof typeof CURVES, cost: Cost, kemSecretBytes?: number): Mechanism {
  const curve = CURVES[name];
  const algorithm = `ECDH-${name.replace("P-", "P") as "P256" | "P384" | "P521" | "secp256k1"}` as const;
  const coordinateBytes = curve.scalarBytes;
  const methods = ecKeyMethods(algorithm, curve, JOSE);
  const one = Buffer.alloc(coordinateBytes);
  one[coordinateBytes - 1] = 1;
  const kem =
    kemSecretBytes === undefined
      ? undefined
      : opensslKem(`an encapsulated key on ${name}`, cost, 1 + 2 * coordinateBytes, kemSecretBytes, true);
  return Object.freeze<Mechanism>({
    ...methods,
    ...(cost === "inline" ? { cheapGeneration: true as const } : {}),
    agreer: opensslAgreer(
      cost,
      { type: "ec", namedCurve: curve.opensslName, rawBytes: [1 + coordinateBytes, 1 + 2 * coordinateBytes] },
      createPublicKey(methods.importKey("raw", one)).export({ format: "raw-public" }),
    ),
    ...(kem === undefined ? {} : { kem, wrapper: hpkeWrapper(algorithm, kem) }),
  });
}

export const ecdhP256: Mechanism = ecdh("P-256", "inline", 32);
export const ecdhP384: Mechanism = ecdh("P-384", "pool", 48);
export const ecdhP521: Mechanism = ecdh("P-521", "pool", 64);
export const ecdhSecp256k1: Mechanism = ecdh("secp256k1", "pool");
