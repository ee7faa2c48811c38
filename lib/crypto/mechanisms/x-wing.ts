/**
 * X-Wing: ML-KEM-768 and X25519, combined by SHA3-256.
 *
 * A private key is a seed of 32 bytes, from which both halves come; the seed is what is stored, imported and exported. A
 * ciphertext that was not made for the key yields another secret, also where its X25519 part is of small order: the
 * combination depends on all of it. This file must never hand out a half without the seed it came from.
 *
 * @see draft-connolly-cfrg-xwing-kem §5.2 (key), §5.3 (combiner), §5.5 (decapsulation), Appendix D (PKCS#8)
 */
import { createHash, createSecretKey, type KeyObject } from "node:crypto";
import { CompositeKey, rawHalf, type CompositeForm } from "../composite-key.ts";
import { derInteger, derObjectIdentifier, derOctetString, derSequence } from "../formats/der-writer.ts";
import type { Mechanism } from "../mechanism.ts";
import { fillRandom } from "../random.ts";
import { secretBuffer, wipe } from "../wipe.ts";
import { hybridKem } from "./hybrid-kem.ts";
import { pkcs8Of } from "./private-key.ts";
import { keyRefused, storedKeyUnreadable } from "./refusals.ts";

const SEED_BYTES = 32;
const EXPANDED_BYTES = 96;
const LABEL = Buffer.from("5c2e2f2f5e5c", "hex");
const FORM: CompositeForm = Object.freeze({
  oid: "1.3.6.1.4.1.62253.25722",
  first: rawHalf("ml-kem-768", 1184, 64),
  second: rawHalf("x25519", 32, 32),
});
/** What stands before the seed in PKCS#8: the structure has one length. */
const PKCS8_HEAD = ((): Buffer => {
  const whole = derSequence(derInteger(0), derSequence(derObjectIdentifier(FORM.oid)), derOctetString(Buffer.alloc(SEED_BYTES)));
  return whole.subarray(0, whole.byteLength - SEED_BYTES);
})();

/** Both halves, and the seed they came from: written as the seed. */
class XWingKey extends CompositeKey {
  readonly #seed: KeyObject;

  constructor(seed: KeyObject, first: KeyObject, second: KeyObject) {
    super(FORM, first, second);
    this.#seed = seed;
  }

  override privateBytes(): Buffer {
    return this.#seed.export();
  }
}

function fromSeed(seed: Uint8Array): XWingKey {
  const expanded = createHash("shake256", { outputLength: EXPANDED_BYTES }).update(seed).digest();
  try {
    const [first, second] = [expanded.subarray(0, 64), expanded.subarray(64)];
    return new XWingKey(createSecretKey(seed), FORM.first.readPrivate(first), FORM.second.readPrivate(second));
  } finally {
    wipe(expanded);
  }
}

/** The key in a PKCS#8 structure, or undefined when it is not exactly one. */
function fromPkcs8(der: Uint8Array): XWingKey | undefined {
  if (der.byteLength !== PKCS8_HEAD.byteLength + SEED_BYTES || !PKCS8_HEAD.equals(der.subarray(0, PKCS8_HEAD.byteLength))) return undefined;
  return fromSeed(der.subarray(PKCS8_HEAD.byteLength));
}

export const xWing: Mechanism<CompositeKey> = Object.freeze<Mechanism<CompositeKey>>({
  algorithm: "X-Wing",
  cheapGeneration: true,
  async generate() {
    const seed = fillRandom(secretBuffer(SEED_BYTES));
    try {
      return fromSeed(seed);
    } finally {
      wipe(seed);
    }
  },
  load(material) {
    const key = fromPkcs8(material);
    if (key === undefined) throw storedKeyUnreadable();
    return key;
  },
  store: (key) => key.privateKeyDer(),
  importKey(format, bytes) {
    if (format === "raw") {
      if (bytes.byteLength !== SEED_BYTES) throw keyRefused(`an X-Wing seed is ${SEED_BYTES} bytes`);
      return fromSeed(bytes);
    }
    if (format !== "pkcs8" && format !== "pem") throw keyRefused("a key of X-Wing is imported as raw, pkcs8 or pem");
    const der = pkcs8Of(format, bytes);
    try {
      const key = fromPkcs8(der);
      if (key === undefined) throw keyRefused("it is not exactly one private key for X-Wing");
      return key;
    } finally {
      wipe(der);
    }
  },
  form: FORM,
  kem: hybridKem({
    algorithm: "X-Wing",
    mlKem: "first",
    mlKemCiphertextBytes: 1088,
    curve: { type: "x25519" },
    pointBytes: 32,
    secretBytes: 32,
    cost: "inline",
    takesZero: true,
    needsDerivation: false,
    combine: ({ mlKemSecret, curveSecret, ephemeral, receiver }) =>
      createHash("sha3-256").update(mlKemSecret).update(curveSecret).update(ephemeral).update(receiver).update(LABEL).digest(),
  }),
});
