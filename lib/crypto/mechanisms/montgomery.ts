/**
 * X25519 and X448.
 *
 * A peer's u-coordinate is taken as RFC 7748 takes it, on the curve or on its twist, reduced or not; one of small order
 * gives a zero secret and is refused. The same keys receive what is encapsulated to them by DHKEM, which HPKE builds on.
 * This file must never accept a private key whose stated public half is another's.
 *
 * @see RFC 7748 §5, §6; RFC 8410 (PKCS#8); RFC 8037 (JWK); RFC 9180 §4.1
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { readSequence } from "../formats/der.ts";
import type { Mechanism } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { hpkeWrapper } from "./hpke-wrapper.ts";
import { opensslAgreer } from "./openssl-agreer.ts";
import { opensslKem } from "./openssl-kem.ts";
import { attempt, loadPrivateKey, readPrivateKey, storePrivateKey } from "./private-key.ts";
import { keyRefused } from "./refusals.ts";

const generateAsync = promisify(generateKeyPair) as (type: string) => Promise<{ privateKey: KeyObject }>;
const JOSE = ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"];
/** `[1] IMPLICIT`, the public key of a version 2 PKCS#8 (RFC 5958 §2). */
const PUBLIC_KEY_TAG = 0x81;

function montgomery(algorithm: "X25519" | "X448", numberBytes: number, kemSecretBytes: number): Mechanism {
  const type = algorithm.toLowerCase() as "x25519" | "x448";
  const isOurs = (key: KeyObject): boolean => key.type === "private" && key.asymmetricKeyType === type;
  const base = Buffer.alloc(numberBytes);
  base[0] = type === "x25519" ? 9 : 5; // RFC 7748 §4.1, §4.2
  const kem = opensslKem(`an encapsulated key of ${algorithm}`, "inline", numberBytes, kemSecretBytes);
  return Object.freeze<Mechanism>({
    algorithm,
    ...(type === "x25519" ? { cheapGeneration: true as const } : {}),
    generate: async () => (await generateAsync(type)).privateKey,
    load: (material) => loadPrivateKey(material, isOurs),
    store: storePrivateKey,
    importKey(format, bytes) {
      if (format === "raw") {
        if (bytes.byteLength !== numberBytes) throw keyRefused(`the private number of ${algorithm} is ${numberBytes} bytes`);
        return attempt(() => createPrivateKey({ key: bytes, format: "raw-private", asymmetricKeyType: type }));
      }
      const { key, der, structure } = readPrivateKey(format, bytes, JOSE);
      try {
        if (!isOurs(key)) throw keyRefused(`it is not an ${algorithm} private key`);
        if (der !== undefined && structure === "pkcs8") checkPublicHalf(key, der);
        return key; // from a JWK: Node has compared x with d
      } finally {
        wipe(der);
      }
    },
    agreer: opensslAgreer("inline", { type, rawBytes: [numberBytes] }, base),
    kem,
    wrapper: hpkeWrapper(algorithm, kem),
  });
}

/** OpenSSL ignores the public key of a version 2 PKCS#8, so it is compared here; attributes are refused. */
function checkPublicHalf(key: KeyObject, der: Buffer): void {
  const [, , , publicKey, ...more] = readSequence(der) ?? [];
  if (publicKey === undefined) return;
  if (publicKey.tag !== PUBLIC_KEY_TAG || more.length > 0) throw keyRefused("PKCS#8 with attributes is not accepted");
  const own = Buffer.concat([Buffer.alloc(1), createPublicKey(key).export({ format: "raw-public" })]);
  if (!own.equals(der.subarray(publicKey.start, publicKey.end))) throw keyRefused("the public half does not match the private half");
}

export const x25519: Mechanism = montgomery("X25519", 32, 32);
export const x448: Mechanism = montgomery("X448", 56, 64);
