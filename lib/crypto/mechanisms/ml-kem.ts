/**
 * ML-KEM-512, -768 and -1024.
 *
 * A ciphertext of the right length always yields a secret: one that was not made for the key yields another, and nobody
 * is told (implicit rejection, FIPS 203 §6.3). This file must never say of a ciphertext that it was wrong. Keys are kept
 * as their 64-byte seed d || z where there is one; a key that comes without it stays in its expanded form.
 *
 * @see FIPS 203; RFC 9935 §6 (PKCS#8: seed, expandedKey or both)
 */
import { createPrivateKey, createPublicKey, decapsulate, encapsulate, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { readSequence } from "../formats/der.ts";
import type { Mechanism } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { opensslKem } from "./openssl-kem.ts";
import { attempt, loadPrivateKey, readPrivateKey, storePrivateKey } from "./private-key.ts";
import { keyRefused } from "./refusals.ts";

const generateAsync = promisify(generateKeyPair) as (type: string) => Promise<{ privateKey: KeyObject }>;
const SEED_BYTES = 64;
const SECRET_BYTES = 32;

function mlKem(algorithm: "ML-KEM-512" | "ML-KEM-768" | "ML-KEM-1024", ciphertextBytes: number): Mechanism {
  const type = algorithm.toLowerCase() as "ml-kem-512" | "ml-kem-768" | "ml-kem-1024";
  const isOurs = (key: KeyObject): boolean => key.type === "private" && key.asymmetricKeyType === type;
  return Object.freeze<Mechanism>({
    algorithm,
    cheapGeneration: true,
    generate: async () => (await generateAsync(type)).privateKey,
    load: (material) => loadPrivateKey(material, isOurs),
    store: storePrivateKey,
    importKey(format, bytes) {
      if (format === "raw") {
        if (bytes.byteLength !== SEED_BYTES) throw keyRefused(`an ${algorithm} seed is ${SEED_BYTES} bytes`);
        return attempt(() => createPrivateKey({ key: bytes as Buffer, format: "raw-seed", asymmetricKeyType: type }));
      }
      const { key, der, structure } = readPrivateKey(format, bytes, [algorithm]);
      try {
        if (!isOurs(key)) throw keyRefused(`it is not an ${algorithm} private key`);
        // OpenSSL compares a seed with an expanded key beside it, and an expanded key's public half with its hash.
        if (structure === "pkcs8" && der !== undefined && readSequence(der)?.length !== 3)
          throw keyRefused("PKCS#8 with attributes is not accepted");
        checkByDecapsulating(key);
        return key;
      } finally {
        wipe(der);
      }
    },
    kem: opensslKem(`an ${algorithm} ciphertext`, "inline", ciphertextBytes, SECRET_BYTES),
  });
}

/** An expanded key's secret vector has no checksum: what its public half encapsulates must come out of it again. */
function checkByDecapsulating(key: KeyObject): void {
  const { ciphertext, sharedKey } = attempt(() => encapsulate(createPublicKey(key)));
  const again = attempt(() => decapsulate(key, ciphertext));
  try {
    if (!sharedKey.equals(again)) throw keyRefused("the public half does not match the private half");
  } finally {
    wipe(sharedKey, again);
  }
}

export const mlKem512: Mechanism = mlKem("ML-KEM-512", 768);
export const mlKem768: Mechanism = mlKem("ML-KEM-768", 1088);
export const mlKem1024: Mechanism = mlKem("ML-KEM-1024", 1568);
