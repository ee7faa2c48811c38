/**
 * SLH-DSA in its twelve parameter sets: pure signatures, with or without a context.
 *
 * Signatures are OpenSSL's, hedged: two over one message differ. HashSLH-DSA (FIPS 205 §10.2.2) is refused by name,
 * because Node cannot ask OpenSSL for it. A private key holds its public half; whether the two belong together shows
 * only a signature: who imports one asks for it once (self-tests/consistency.ts), on the pool.
 *
 * @see FIPS 205 §10, §11; RFC 9909 (PKCS#8: the four numbers side by side); PKCS#11 3.2 §6.68
 */
import { createPrivateKey, generateKeyPair, type KeyObject, type RawPrivateKeyInput } from "node:crypto";
import { promisify } from "node:util";
import { ALGORITHMS } from "@keystead/contract/algorithms";
import { readSequence } from "../formats/der.ts";
import type { Mechanism } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { contextSigner } from "./context-signer.ts";
import { attempt, loadPrivateKey, readPrivateKey, storePrivateKey } from "./private-key.ts";
import { keyRefused } from "./refusals.ts";

const generateAsync = promisify(generateKeyPair) as (type: string) => Promise<{ privateKey: KeyObject }>;

type Name = `SLH-DSA-${"SHA2" | "SHAKE"}-${128 | 192 | 256}${"s" | "f"}`;

const signer = contextSigner("SLH-DSA", "HashSLH-DSA");

function slhDsa(algorithm: Name): Mechanism {
  const type = algorithm.toLowerCase();
  const keyBytes = ALGORITHMS[algorithm].bytes.key;
  const isOurs = (key: KeyObject): boolean => key.type === "private" && key.asymmetricKeyType === type;
  return Object.freeze<Mechanism>({
    algorithm,
    generate: async () => (await generateAsync(type)).privateKey,
    load: (material) => loadPrivateKey(material, isOurs),
    store: storePrivateKey,
    importKey(format, bytes) {
      if (format === "raw") {
        if (bytes.byteLength !== keyBytes) throw keyRefused(`a private key of ${algorithm} is ${keyBytes} bytes`);
        return attempt(() => createPrivateKey({ key: bytes, format: "raw-private", asymmetricKeyType: type } as RawPrivateKeyInput));
      }
      const { key, der, structure } = readPrivateKey(format, bytes, [algorithm]);
      try {
        if (!isOurs(key)) throw keyRefused(`it is not a private key for ${algorithm}`);
        if (structure === "pkcs8" && der !== undefined && readSequence(der)?.length !== 3)
          throw keyRefused("PKCS#8 with attributes is not accepted");
        return key;
      } finally {
        wipe(der);
      }
    },
    signer,
  });
}

export const slhDsaSha2_128s: Mechanism = slhDsa("SLH-DSA-SHA2-128s");
export const slhDsaSha2_128f: Mechanism = slhDsa("SLH-DSA-SHA2-128f");
export const slhDsaSha2_192s: Mechanism = slhDsa("SLH-DSA-SHA2-192s");
export const slhDsaSha2_192f: Mechanism = slhDsa("SLH-DSA-SHA2-192f");
export const slhDsaSha2_256s: Mechanism = slhDsa("SLH-DSA-SHA2-256s");
export const slhDsaSha2_256f: Mechanism = slhDsa("SLH-DSA-SHA2-256f");
export const slhDsaShake128s: Mechanism = slhDsa("SLH-DSA-SHAKE-128s");
export const slhDsaShake128f: Mechanism = slhDsa("SLH-DSA-SHAKE-128f");
export const slhDsaShake192s: Mechanism = slhDsa("SLH-DSA-SHAKE-192s");
export const slhDsaShake192f: Mechanism = slhDsa("SLH-DSA-SHAKE-192f");
export const slhDsaShake256s: Mechanism = slhDsa("SLH-DSA-SHAKE-256s");
export const slhDsaShake256f: Mechanism = slhDsa("SLH-DSA-SHAKE-256f");
