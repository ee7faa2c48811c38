/**
 * EdDSA: Ed25519 and Ed448, each pure, with a context, and pre-hashed.
 *
 * Pure signatures, with or without a context, are OpenSSL's (Ed25519 with a context is Ed25519ctx). The pre-hashed
 * variants Ed25519ph and Ed448ph Node cannot ask OpenSSL for: they are @noble/curves', and for as long as one takes
 * the seed is in JavaScript's memory. A key must never sign with anything but the seed that was checked against its
 * public half at import.
 *
 * @see RFC 8032 §5.1, §5.2; RFC 8410 (PKCS#8); RFC 8037 (JWK); FIPS 186-5 §7
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { ed25519ph } from "@noble/curves/ed25519.js";
import { ed448ph } from "@noble/curves/ed448.js";
import type { Cost, Mechanism, SignatureParams, Signer } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { opensslSigner, type SigningPlan } from "./openssl-signer.ts";
import { attempt, loadPrivateKey, readPrivateKey, storePrivateKey } from "./private-key.ts";
import { keyRefused, onlyParams, paramInvalid } from "./refusals.ts";

const generateAsync = promisify(generateKeyPair);
/** RFC 8032: a context is at most this long, in bytes. */
const MAX_CONTEXT_BYTES = 255;

/** One curve. */
interface Curve {
  readonly algorithm: "Ed25519" | "Ed448";
  readonly opensslName: "ed25519" | "ed448";
  /** Length of a seed, and of a public key. */
  readonly keyBytes: number;
  /** DER lengths of RFC 8410 keys: without (version 1) and with (version 2) the public key. */
  readonly pkcs8Bytes: readonly [number, number];
  readonly cost: Cost;
  readonly prehashed: Pick<typeof ed25519ph, "sign" | "verify">;
}

function edwards(curve: Curve): Mechanism {
  const { algorithm, opensslName, keyBytes } = curve;
  const isOurs = (key: KeyObject): boolean => key.type === "private" && key.asymmetricKeyType === opensslName;
  return Object.freeze<Mechanism>({
    algorithm,
    cheapGeneration: true,
    generate: async () => (await generateAsync(opensslName as "ed25519")).privateKey,
    load: (material) => loadPrivateKey(material, isOurs),
    store: storePrivateKey,
    importKey(format, bytes) {
      if (format === "raw") {
        if (bytes.byteLength !== keyBytes) throw keyRefused(`an ${algorithm} seed is ${keyBytes} bytes`);
        return attempt(() => createPrivateKey({ key: bytes, format: "raw-private", asymmetricKeyType: opensslName }));
      }
      const { key, der, structure } = readPrivateKey(format, bytes, ["EdDSA", algorithm]);
      try {
        if (!isOurs(key)) throw keyRefused(`it is not an ${algorithm} private key`);
        if (der !== undefined && structure === "pkcs8") checkPublicHalf(curve, key, der);
        return key; // from a JWK: Node has compared x with d
      } finally {
        wipe(der);
      }
    },
    signer: eddsaSigner(curve),
  });
}

/**
 * OpenSSL ignores the public key of a version 2 PKCS#8, so it is compared here. Only the two encodings RFC 8410 §7
 * leads to are accepted; attributes are refused because their owner would believe them kept.
 */
function checkPublicHalf({ keyBytes, pkcs8Bytes }: Curve, key: KeyObject, der: Buffer): void {
  if (der.byteLength === pkcs8Bytes[0]) return;
  if (der.byteLength !== pkcs8Bytes[1]) throw keyRefused("PKCS#8 with attributes is not accepted");
  // `[1] IMPLICIT BIT STRING`, no unused bits.
  const own = Buffer.concat([Uint8Array.of(0x81, keyBytes + 1, 0), createPublicKey(key).export({ format: "raw-public" })]);
  if (!own.equals(der.subarray(der.byteLength - own.byteLength))) throw keyRefused("the public half does not match the private half");
}

const PURE: SigningPlan = { hash: null };

function plan(algorithm: string, params: SignatureParams): SigningPlan {
  onlyParams(algorithm, params, ["format", "context", "scheme"]);
  const { format, scheme, context } = params;
  if (format !== undefined && format !== "raw") throw paramInvalid(`an ${algorithm} signature has only the raw format`);
  if (scheme !== undefined && scheme !== "prehash") throw paramInvalid(`the only scheme of ${algorithm} is prehash`);
  if (context === undefined) return PURE;
  if (context.byteLength > MAX_CONTEXT_BYTES) throw paramInvalid(`a context is at most ${MAX_CONTEXT_BYTES} bytes`);
  return { hash: null, options: { context } };
}

function eddsaSigner({ algorithm, cost, prehashed }: Curve): Signer {
  const openssl = opensslSigner(cost, (params) => plan(algorithm, params));
  const options = ({ context }: SignatureParams) => (context === undefined ? {} : { context });
  const signPrehashed = (key: KeyObject, data: Uint8Array, params: SignatureParams): Buffer => {
    plan(algorithm, params);
    const seed = key.export({ format: "raw-private" });
    try {
      return Buffer.from(prehashed.sign(data, seed, options(params)));
    } finally {
      wipe(seed);
    }
  };
  const verifyPrehashed = (key: KeyObject, data: Uint8Array, signature: Uint8Array, params: SignatureParams): boolean => {
    plan(algorithm, params);
    try {
      // zip215 off: RFC 8032's rules for points and scalars, those that OpenSSL has.
      return prehashed.verify(signature, data, key.export({ format: "raw-public" }), { ...options(params), zip215: false });
    } catch {
      return false; // of another length
    }
  };
  return Object.freeze<Signer>({
    cost,
    check: openssl.check,
    sign: (key, data, params) => (params.scheme === "prehash" ? signPrehashed : openssl.sign)(key, data, params),
    signPooled: async (key, data, params) => (params.scheme === "prehash" ? signPrehashed : openssl.signPooled)(key, data, params),
    verify: (key, data, signature, params) =>
      (params.scheme === "prehash" ? verifyPrehashed : openssl.verify)(key, data, signature, params),
    verifyPooled: async (key, data, signature, params) =>
      (params.scheme === "prehash" ? verifyPrehashed : openssl.verifyPooled)(key, data, signature, params),
  });
}

export const ed25519: Mechanism = edwards({
  algorithm: "Ed25519",
  opensslName: "ed25519",
  keyBytes: 32,
  pkcs8Bytes: [48, 83],
  cost: "inline",
  prehashed: ed25519ph,
});
export const ed448: Mechanism = edwards({
  algorithm: "Ed448",
  opensslName: "ed448",
  keyBytes: 57,
  pkcs8Bytes: [73, 134],
  cost: "pool",
  prehashed: ed448ph as Curve["prehashed"],
});
