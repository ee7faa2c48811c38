/**
 * The hybrids of TLS 1.3: a key pair is what a client makes for its key share, encapsulation is the server's answer, and
 * the secret is both secrets, one after the other.
 *
 * X25519MLKEM768 has ML-KEM first, the ones on NIST curves have it second, as the draft says; SecP256r1MLKEM512 is made in
 * the same way and stands in no draft. The secret is for a key schedule: it becomes a key only by way of a derivation. The
 * object identifiers are of this project (2.25, from UUIDs): nobody has registered any for these keys, and those of the
 * composite KEMs of LAMPS mean another combination. This file must never accept a zero secret (draft §4.3).
 *
 * @see draft-ietf-tls-ecdhe-mlkem; draft-ietf-tls-hybrid-design; ITU-T X.667 (2.25)
 */
import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { CompositeKey, ecHalf, rawHalf, type CompositeForm, type HalfForm } from "../composite-key.ts";
import type { Cost, Mechanism } from "../mechanism.ts";
import { secretBuffer, wipe } from "../wipe.ts";
import { hybridKem, type HybridCurve } from "./hybrid-kem.ts";
import { pkcs8Of } from "./private-key.ts";
import { keyRefused, storedKeyUnreadable } from "./refusals.ts";

const generateAsync = promisify(generateKeyPair) as (type: string, options?: object) => Promise<{ privateKey: KeyObject }>;

/** One group. */
interface Group {
  readonly algorithm: "X25519MLKEM768" | "SecP256r1MLKEM768" | "SecP384r1MLKEM1024" | "SecP256r1MLKEM512";
  readonly oid: string;
  readonly mlKem: "ml-kem-512" | "ml-kem-768" | "ml-kem-1024";
  readonly mlKemPublicBytes: number;
  readonly mlKemCiphertextBytes: number;
  readonly curve: HybridCurve;
  readonly half: HalfForm;
  readonly curveSecretBytes: number;
  readonly mlKemFirst: boolean;
  readonly cost: Cost;
}

function tlsHybrid(group: Group): Mechanism<CompositeKey> {
  const { algorithm, mlKemFirst } = group;
  const mlKemHalf = rawHalf(group.mlKem, group.mlKemPublicBytes, 64);
  const form: CompositeForm = Object.freeze({
    oid: group.oid,
    first: mlKemFirst ? mlKemHalf : group.half,
    second: mlKemFirst ? group.half : mlKemHalf,
  });
  const accepted = (key: CompositeKey | undefined): CompositeKey => {
    if (key === undefined) throw keyRefused(`it is not exactly one private key for ${algorithm}`);
    return key;
  };
  return Object.freeze<Mechanism<CompositeKey>>({
    algorithm,
    async generate() {
      const [mlKem, curve] = await Promise.all([generateAsync(group.mlKem), generateAsync(group.curve.type, group.curve)]);
      const [first, second] = mlKemFirst ? [mlKem, curve] : [curve, mlKem];
      return new CompositeKey(form, first.privateKey, second.privateKey);
    },
    load(material) {
      const key = CompositeKey.fromPrivateKeyDer(form, material);
      if (key === undefined) throw storedKeyUnreadable();
      return key;
    },
    store: (key) => key.privateKeyDer(),
    importKey(format, bytes) {
      if (format === "raw") return accepted(CompositeKey.fromPrivateBytes(form, bytes));
      if (format !== "pkcs8" && format !== "pem") throw keyRefused(`a key of ${algorithm} is imported as raw, pkcs8 or pem`);
      const der = pkcs8Of(format, bytes);
      try {
        return accepted(CompositeKey.fromPrivateKeyDer(form, der));
      } finally {
        wipe(der);
      }
    },
    form,
    kem: hybridKem({
      algorithm,
      mlKem: mlKemFirst ? "first" : "second",
      mlKemCiphertextBytes: group.mlKemCiphertextBytes,
      curve: group.curve,
      pointBytes: group.half.publicBytes,
      secretBytes: 32 + group.curveSecretBytes,
      cost: group.cost,
      takesZero: false,
      needsDerivation: true,
      combine({ mlKemSecret, curveSecret }) {
        const both = secretBuffer(mlKemSecret.byteLength + curveSecret.byteLength);
        const [first, second] = mlKemFirst ? [mlKemSecret, curveSecret] : [curveSecret, mlKemSecret];
        both.set(first);
        both.set(second, first.byteLength);
        return both;
      },
    }),
  });
}

export const x25519MlKem768: Mechanism<CompositeKey> = tlsHybrid({
  algorithm: "X25519MLKEM768",
  oid: "2.25.235435413693471585354587085062352283871",
  mlKem: "ml-kem-768",
  mlKemPublicBytes: 1184,
  mlKemCiphertextBytes: 1088,
  curve: { type: "x25519" },
  half: rawHalf("x25519", 32, 32),
  curveSecretBytes: 32,
  mlKemFirst: true,
  cost: "inline",
});
export const secP256r1MlKem768: Mechanism<CompositeKey> = tlsHybrid({
  algorithm: "SecP256r1MLKEM768",
  oid: "2.25.77443024555213005833198483976021250450",
  mlKem: "ml-kem-768",
  mlKemPublicBytes: 1184,
  mlKemCiphertextBytes: 1088,
  curve: { type: "ec", namedCurve: "P-256" },
  half: ecHalf("P-256"),
  curveSecretBytes: 32,
  mlKemFirst: false,
  cost: "inline",
});
export const secP384r1MlKem1024: Mechanism<CompositeKey> = tlsHybrid({
  algorithm: "SecP384r1MLKEM1024",
  oid: "2.25.113061912817119933015781830379255066421",
  mlKem: "ml-kem-1024",
  mlKemPublicBytes: 1568,
  mlKemCiphertextBytes: 1568,
  curve: { type: "ec", namedCurve: "P-384" },
  half: ecHalf("P-384"),
  curveSecretBytes: 48,
  mlKemFirst: false,
  cost: "pool",
});
export const secP256r1MlKem512: Mechanism<CompositeKey> = tlsHybrid({
  algorithm: "SecP256r1MLKEM512",
  oid: "2.25.235954085083307236302302928472803375014",
  mlKem: "ml-kem-512",
  mlKemPublicBytes: 800,
  mlKemCiphertextBytes: 768,
  curve: { type: "ec", namedCurve: "P-256" },
  half: ecHalf("P-256"),
  curveSecretBytes: 32,
  mlKemFirst: false,
  cost: "inline",
});
