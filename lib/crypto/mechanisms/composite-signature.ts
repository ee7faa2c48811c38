/**
 * Composite signatures: ML-DSA with ECDSA or Ed25519, made together and valid only together.
 *
 * Both halves sign one message representative, the prefix, the algorithm's label, the context and the digest of the
 * message; ML-DSA has the label for its context too, so that neither half can be taken out and used alone. Both are
 * OpenSSL's. A signature is valid when both halves are: this file must never say so of one.
 *
 * @see draft-ietf-lamps-pq-composite-sigs-19 §3, §4, §6 (a draft: what is signed with it may have to be signed again)
 */
import { generateKeyPair, sign, verify, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { digest } from "../digest.ts";
import { CompositeKey, ecHalf, rawHalf, type CompositeForm, type HalfForm } from "../composite-key.ts";
import type { Mechanism, SignatureParams, Signer } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { pkcs8Of } from "./private-key.ts";
import { keyRefused, onlyParams, paramInvalid, storedKeyUnreadable } from "./refusals.ts";

const generateAsync = promisify(generateKeyPair) as (type: string, options?: object) => Promise<{ privateKey: KeyObject }>;

const PREFIX = Buffer.from("CompositeAlgorithmSignatures2025");
const MAX_CONTEXT_BYTES = 255;

/** One pair. */
interface Pair {
  readonly algorithm: "ML-DSA-44-ECDSA-P256" | "ML-DSA-65-ECDSA-P256" | "ML-DSA-87-ECDSA-P384" | "ML-DSA-65-Ed25519";
  readonly oid: string;
  readonly label: string;
  /** Of the message (PH of the draft). */
  readonly digest: "SHA-256" | "SHA-512";
  readonly mlDsa: "ml-dsa-44" | "ml-dsa-65" | "ml-dsa-87";
  readonly mlDsaSignatureBytes: number;
  readonly first: HalfForm;
  readonly second: HalfForm;
  /** The digest of the second half's own signature; null for Ed25519. */
  readonly secondHash: "sha256" | "sha384" | null;
  readonly generateSecond: () => Promise<{ privateKey: KeyObject }>;
}

function composite(pair: Pair): Mechanism<CompositeKey> {
  const form: CompositeForm = Object.freeze({ oid: pair.oid, first: pair.first, second: pair.second });
  return Object.freeze<Mechanism<CompositeKey>>({
    algorithm: pair.algorithm,
    async generate() {
      const [first, second] = await Promise.all([generateAsync(pair.mlDsa), pair.generateSecond()]);
      return new CompositeKey(form, first.privateKey, second.privateKey);
    },
    load(material) {
      const key = CompositeKey.fromPrivateKeyDer(form, material);
      if (key === undefined) throw storedKeyUnreadable();
      return key;
    },
    store: (key) => key.privateKeyDer(),
    importKey(format, bytes) {
      if (format === "raw") return accepted(CompositeKey.fromPrivateBytes(form, bytes), pair);
      if (format !== "pkcs8" && format !== "pem") throw keyRefused(`a key of ${pair.algorithm} is imported as raw, pkcs8 or pem`);
      const der = pkcs8Of(format, bytes);
      try {
        return accepted(CompositeKey.fromPrivateKeyDer(form, der), pair);
      } finally {
        wipe(der);
      }
    },
    form,
    signer: compositeSigner(pair),
  });
}

function accepted(key: CompositeKey | undefined, { algorithm }: Pair): CompositeKey {
  if (key === undefined) throw keyRefused(`it is not exactly one private key for ${algorithm}`);
  return key;
}

function compositeSigner(pair: Pair): Signer<CompositeKey> {
  const label = Buffer.from(pair.label);
  const check = (params: SignatureParams): void => {
    onlyParams(pair.algorithm, params, ["format", "context"]);
    if (params.format !== undefined && params.format !== "raw") throw paramInvalid("a composite signature has only the raw format");
    if (params.context !== undefined && params.context.byteLength > MAX_CONTEXT_BYTES)
      throw paramInvalid(`a context is at most ${MAX_CONTEXT_BYTES} bytes`);
  };
  /** M' of the draft. */
  const represent = (data: Uint8Array, { context = new Uint8Array() }: SignatureParams): Buffer =>
    Buffer.concat([PREFIX, label, Uint8Array.of(context.byteLength), context, digest(pair.digest, data)]);
  const halvesOf = (signature: Uint8Array): [Uint8Array, Uint8Array] => [
    signature.subarray(0, pair.mlDsaSignatureBytes),
    signature.subarray(pair.mlDsaSignatureBytes),
  ];
  return Object.freeze<Signer<CompositeKey>>({
    cost: "pool",
    check,
    sign(key, data, params) {
      check(params);
      const message = represent(data, params);
      return Buffer.concat([sign(null, message, { key: key.first, context: label }), sign(pair.secondHash, message, key.second)]);
    },
    async signPooled(key, data, params) {
      check(params);
      const message = represent(data, params);
      const first = new Promise<Buffer>((resolve, reject) => {
        sign(null, message, { key: key.first, context: label }, (error, made) => (error ? reject(error) : resolve(made)));
      });
      const second = new Promise<Buffer>((resolve, reject) => {
        sign(pair.secondHash, message, key.second, (error, made) => (error ? reject(error) : resolve(made)));
      });
      return Buffer.concat(await Promise.all([first, second]));
    },
    verify(key, data, signature, params) {
      check(params);
      const message = represent(data, params);
      const [first, second] = halvesOf(signature);
      const firstHolds = verify(null, message, { key: key.first, context: label }, first);
      return verify(pair.secondHash, message, key.second, second) && firstHolds;
    },
    async verifyPooled(key, data, signature, params) {
      check(params);
      const message = represent(data, params);
      const [first, second] = halvesOf(signature);
      const firstHolds = new Promise<boolean>((resolve, reject) => {
        verify(null, message, { key: key.first, context: label }, first, (error, valid) => (error ? reject(error) : resolve(valid)));
      });
      const secondHolds = new Promise<boolean>((resolve, reject) => {
        verify(pair.secondHash, message, key.second, second, (error, valid) => (error ? reject(error) : resolve(valid)));
      });
      return (await Promise.all([firstHolds, secondHolds])).every((holds) => holds);
    },
  });
}

export const mlDsa44EcdsaP256: Mechanism<CompositeKey> = composite({
  algorithm: "ML-DSA-44-ECDSA-P256",
  oid: "1.3.6.1.5.5.7.6.40",
  label: "COMPSIG-MLDSA44-ECDSA-P256-SHA256",
  digest: "SHA-256",
  mlDsa: "ml-dsa-44",
  mlDsaSignatureBytes: 2420,
  first: rawHalf("ml-dsa-44", 1312, 32),
  second: ecHalf("P-256"),
  secondHash: "sha256",
  generateSecond: () => generateAsync("ec", { namedCurve: "P-256" }),
});
export const mlDsa65EcdsaP256: Mechanism<CompositeKey> = composite({
  algorithm: "ML-DSA-65-ECDSA-P256",
  oid: "1.3.6.1.5.5.7.6.45",
  label: "COMPSIG-MLDSA65-ECDSA-P256-SHA512",
  digest: "SHA-512",
  mlDsa: "ml-dsa-65",
  mlDsaSignatureBytes: 3309,
  first: rawHalf("ml-dsa-65", 1952, 32),
  second: ecHalf("P-256"),
  secondHash: "sha256",
  generateSecond: () => generateAsync("ec", { namedCurve: "P-256" }),
});
export const mlDsa87EcdsaP384: Mechanism<CompositeKey> = composite({
  algorithm: "ML-DSA-87-ECDSA-P384",
  oid: "1.3.6.1.5.5.7.6.49",
  label: "COMPSIG-MLDSA87-ECDSA-P384-SHA512",
  digest: "SHA-512",
  mlDsa: "ml-dsa-87",
  mlDsaSignatureBytes: 4627,
  first: rawHalf("ml-dsa-87", 2592, 32),
  second: ecHalf("P-384"),
  secondHash: "sha384",
  generateSecond: () => generateAsync("ec", { namedCurve: "P-384" }),
});
export const mlDsa65Ed25519: Mechanism<CompositeKey> = composite({
  algorithm: "ML-DSA-65-Ed25519",
  oid: "1.3.6.1.5.5.7.6.48",
  label: "COMPSIG-MLDSA65-Ed25519-SHA512",
  digest: "SHA-512",
  mlDsa: "ml-dsa-65",
  mlDsaSignatureBytes: 3309,
  first: rawHalf("ml-dsa-65", 1952, 32),
  second: rawHalf("ed25519", 32, 32),
  secondHash: null,
  generateSecond: () => generateAsync("ed25519"),
});
