/**
 * Ed25519 (pure EdDSA over edwards25519).
 *
 * The message is signed as it is: no prehash, no context, no parameter at all. It must never sign with anything but
 * the seed that was checked against its public half at import.
 *
 * @see RFC 8032 §5.1; RFC 8410 (PKCS#8); RFC 8037 (JWK); FIPS 186-5 §7
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { Mechanism } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { opensslSigner, type SigningPlan } from "./openssl-signer.ts";
import { attempt, loadPrivateKey, readPrivateKey, storePrivateKey } from "./private-key.ts";
import { keyRefused, paramInvalid } from "./refusals.ts";

const generateAsync = promisify(generateKeyPair);
const isEd25519 = (key: KeyObject): boolean => key.type === "private" && key.asymmetricKeyType === "ed25519";
const fromSeed = (seed: Uint8Array): KeyObject =>
  attempt(() => createPrivateKey({ key: seed, format: "raw-private", asymmetricKeyType: "ed25519" }));

const PLAN: SigningPlan = { hash: null };
const SEED_BYTES = 32;
/** DER length of RFC 8410 keys: without (version 1) and with (version 2) the public key. */
const PKCS8_BYTES = 48;
const PKCS8_V2_BYTES = 83;
/** `[1] IMPLICIT BIT STRING` of 33 bytes, no unused bits. */
const PUBLIC_KEY_FIELD = Buffer.from("812100", "hex");

export const ed25519: Mechanism = Object.freeze<Mechanism>({
  algorithm: "Ed25519",
  generate: async () => (await generateAsync("ed25519")).privateKey,
  load: (material) => loadPrivateKey(material, isEd25519),
  store: storePrivateKey,
  importKey(format, bytes) {
    if (format === "raw") {
      if (bytes.byteLength !== SEED_BYTES) throw keyRefused("an Ed25519 seed is 32 bytes");
      return fromSeed(bytes);
    }
    const { key, der, structure } = readPrivateKey(format, bytes, ["EdDSA", "Ed25519"]);
    try {
      if (!isEd25519(key)) throw keyRefused("it is not an Ed25519 private key");
      if (der !== undefined && structure === "pkcs8") checkPublicHalf(key, der);
      return key; // from a JWK: Node has compared x with d
    } finally {
      wipe(der);
    }
  },
  signer: opensslSigner("inline", ({ digest, scheme, format }) => {
    if (digest !== undefined || scheme !== undefined) throw paramInvalid("Ed25519 takes no digest and no scheme");
    if (format !== undefined && format !== "raw") throw paramInvalid("an Ed25519 signature has only the raw format");
    return PLAN;
  }),
});

/**
 * OpenSSL ignores the public key of a version 2 PKCS#8, so it is compared here. Only the two encodings RFC 8410 §7
 * leads to are accepted; attributes are refused because their owner would believe them kept.
 */
function checkPublicHalf(key: KeyObject, der: Buffer): void {
  if (der.byteLength === PKCS8_BYTES) return;
  if (der.byteLength !== PKCS8_V2_BYTES) throw keyRefused("PKCS#8 with attributes is not accepted");
  const own = Buffer.concat([PUBLIC_KEY_FIELD, createPublicKey(key).export({ format: "raw-public" })]);
  if (!own.equals(der.subarray(PKCS8_BYTES))) throw keyRefused("the public half does not match the private half");
}
