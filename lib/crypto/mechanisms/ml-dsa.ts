/**
 * ML-DSA-44, -65 and -87: pure signatures, with or without a context.
 *
 * Signatures are OpenSSL's, hedged: two over one message differ. HashML-DSA (FIPS 204 §5.4) is refused by name, because
 * Node cannot ask OpenSSL for it (docs/design/pre-hashed-signatures.md); the message is always given whole. Keys are kept as their 32-byte seed where there is
 * one; a key that comes expanded alone stays so.
 *
 * @see FIPS 204 §5.2, §5.3; RFC 9881 (PKCS#8: seed, expandedKey or both); PKCS#11 3.2 §6.67
 */
import { createPrivateKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { readSequence } from "../formats/der.ts";
import type { Mechanism } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { contextSigner } from "./context-signer.ts";
import { attempt, loadPrivateKey, readPrivateKey, storePrivateKey } from "./private-key.ts";
import { keyRefused } from "./refusals.ts";

const generateAsync = promisify(generateKeyPair) as (type: string) => Promise<{ privateKey: KeyObject }>;
const SEED_BYTES = 32;

function mlDsa(algorithm: "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87"): Mechanism {
  const type = algorithm.toLowerCase() as "ml-dsa-44" | "ml-dsa-65" | "ml-dsa-87";
  const isOurs = (key: KeyObject): boolean => key.type === "private" && key.asymmetricKeyType === type;
  return Object.freeze<Mechanism>({
    algorithm,
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
        // OpenSSL compares a seed with an expanded key beside it, and computes an expanded key's public half again.
        if (structure === "pkcs8" && der !== undefined && readSequence(der)?.length !== 3)
          throw keyRefused("PKCS#8 with attributes is not accepted");
        return key;
      } finally {
        wipe(der);
      }
    },
    signer: contextSigner("ML-DSA", "HashML-DSA"),
  });
}

export const mlDsa44: Mechanism = mlDsa("ML-DSA-44");
export const mlDsa65: Mechanism = mlDsa("ML-DSA-65");
export const mlDsa87: Mechanism = mlDsa("ML-DSA-87");
