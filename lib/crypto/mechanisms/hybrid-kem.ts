/**
 * Encapsulation with two halves: ML-KEM and a Diffie-Hellman of its own, so that the secret holds while either does.
 *
 * What the halves' secrets become is the {@link Hybrid}'s to say. A ciphertext is both ciphertexts in the order of the
 * key's halves. ML-KEM never says that a ciphertext was wrong; a point that is on no curve is refused, because whoever
 * sent it can see so as well. This file must never return the secret of one half.
 *
 * @see FIPS 203; SP 800-56A Rev. 3 §5.7.1.2; RFC 7748 §6
 */
import {
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { promisify } from "node:util";
import type { CompositeKey } from "../composite-key.ts";
import type { Cost, Kem } from "../mechanism.ts";
import { secretBuffer, wipe } from "../wipe.ts";
import { ownedSecret } from "./openssl-kem.ts";
import { paramInvalid } from "./refusals.ts";

/** The curve of the second secret. */
export type HybridCurve = { readonly type: "x25519" } | { readonly type: "ec"; readonly namedCurve: "P-256" | "P-384" };

/** What a combination is made of. Buffers are wiped by whoever made them; none is kept. */
export interface HybridParts {
  readonly mlKemSecret: Uint8Array;
  readonly curveSecret: Uint8Array;
  /** The ephemeral public key, as it was sent. */
  readonly ephemeral: Uint8Array;
  /** The receiver's public half on the curve, bare. */
  readonly receiver: Uint8Array;
}

/** One way to combine. */
export interface Hybrid {
  readonly algorithm: string;
  /** Which half of a key is ML-KEM's; ciphertexts have the same order. */
  readonly mlKem: "first" | "second";
  readonly mlKemCiphertextBytes: number;
  readonly curve: HybridCurve;
  /** Length of a bare public key on the curve. */
  readonly pointBytes: number;
  readonly secretBytes: number;
  readonly cost: Cost;
  /** Whether a zero secret of the curve is taken as it is, and not refused. */
  readonly takesZero: boolean;
  /** Whether the secret must go through a derivation before it is a key. */
  readonly needsDerivation: boolean;
  /** The secret, on memory of its own. */
  combine(parts: HybridParts): Buffer;
}

const generateAsync = promisify(generateKeyPair) as (type: string, options: object) => Promise<Pair>;
const generateSync = generateKeyPairSync as (type: string, options: object) => Pair;
interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}
interface Agreement {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const agreeAsync = (pair: Agreement): Promise<Buffer> =>
  new Promise((resolve, reject) => diffieHellman(pair, (error, secret) => (error ? reject(error) : resolve(secret))));
const decapsulateAsync = (key: KeyObject, ciphertext: Uint8Array): Promise<Buffer> =>
  new Promise((resolve, reject) => decapsulate(key, ciphertext, (error, secret) => (error ? reject(error) : resolve(secret))));
const encapsulateAsync = (key: KeyObject): Promise<{ ciphertext: Buffer; sharedKey: Buffer }> =>
  new Promise((resolve, reject) => encapsulate(key, (error, made) => (error || made === undefined ? reject(error) : resolve(made))));

const raw = (key: KeyObject): Buffer => (key.type === "public" ? key : createPublicKey(key)).export({ format: "raw-public" });

const UNCOMPRESSED = 0x04;

export function hybridKem(hybrid: Hybrid): Kem<CompositeKey> {
  const { curve, pointBytes, mlKemCiphertextBytes } = hybrid;
  const ciphertextBytes = pointBytes + mlKemCiphertextBytes;
  const mlKemFirst = hybrid.mlKem === "first";
  const halvesOf = (key: CompositeKey): { mlKem: KeyObject; onCurve: KeyObject } =>
    mlKemFirst ? { mlKem: key.first, onCurve: key.second } : { mlKem: key.second, onCurve: key.first };
  const joined = (mlKemCiphertext: Uint8Array, ephemeral: Uint8Array): Buffer =>
    Buffer.concat(mlKemFirst ? [mlKemCiphertext, ephemeral] : [ephemeral, mlKemCiphertext]);
  const refused = (): Error => paramInvalid(`this is not a ciphertext for ${hybrid.algorithm}`);

  /** Both ciphertexts, and the ephemeral key read. @throws {HsmError} MECHANISM_PARAM_INVALID */
  const taken = (ciphertext: Uint8Array): { mlKemCiphertext: Uint8Array; ephemeral: Uint8Array; peer: KeyObject } => {
    if (ciphertext.byteLength !== ciphertextBytes) throw paramInvalid(`a ciphertext for ${hybrid.algorithm} is ${ciphertextBytes} bytes`);
    const split = mlKemFirst ? mlKemCiphertextBytes : pointBytes;
    const [first, second] = [ciphertext.subarray(0, split), ciphertext.subarray(split)];
    const [mlKemCiphertext, ephemeral] = mlKemFirst ? [first, second] : [second, first];
    // OpenSSL also reads 0x06 and 0x07 (X9.62 "hybrid"), which no specification of these ciphertexts has.
    if (curve.type === "ec" && ephemeral[0] !== UNCOMPRESSED) throw refused();
    try {
      const peer =
        curve.type === "ec"
          ? createPublicKey({ key: ephemeral, format: "raw-public", asymmetricKeyType: "ec", namedCurve: curve.namedCurve })
          : createPublicKey({ key: ephemeral, format: "raw-public", asymmetricKeyType: "x25519" });
      return { mlKemCiphertext, ephemeral, peer };
    } catch {
      throw refused();
    }
  };

  /** Where OpenSSL refused to agree, the secret is zero: taken or refused, as the construction says. */
  const zero = (): Buffer => {
    if (!hybrid.takesZero) throw refused();
    return secretBuffer(32);
  };

  const combined = (mlKemSecret: Buffer, curveSecret: Buffer, ephemeral: Uint8Array, receiver: KeyObject): Buffer => {
    try {
      return ownedSecret(hybrid.combine({ mlKemSecret, curveSecret, ephemeral, receiver: raw(receiver) }));
    } finally {
      wipe(mlKemSecret, curveSecret);
    }
  };

  return Object.freeze<Kem<CompositeKey>>({
    cost: hybrid.cost,
    ciphertextBytes,
    secretBytes: hybrid.secretBytes,
    ...(hybrid.needsDerivation ? { needsDerivation: true } : {}),
    encapsulate(publicKey) {
      const { mlKem, onCurve } = halvesOf(publicKey);
      const pair = generateSync(curve.type, curve);
      const { ciphertext, sharedKey } = encapsulate(mlKem);
      const ephemeral = raw(pair.publicKey);
      const curveSecret = diffieHellman({ privateKey: pair.privateKey, publicKey: onCurve });
      return { ciphertext: joined(ciphertext, ephemeral), secret: combined(sharedKey, curveSecret, ephemeral, onCurve) };
    },
    decapsulate(key, ciphertext) {
      const { mlKemCiphertext, ephemeral, peer } = taken(ciphertext);
      const { mlKem, onCurve } = halvesOf(key);
      let curveSecret: Buffer;
      try {
        curveSecret = diffieHellman({ privateKey: onCurve, publicKey: peer });
      } catch {
        curveSecret = zero();
      }
      return combined(decapsulate(mlKem, mlKemCiphertext), curveSecret, ephemeral, onCurve);
    },
    async encapsulatePooled(publicKey) {
      const { mlKem, onCurve } = halvesOf(publicKey);
      const pair = await generateAsync(curve.type, curve);
      const { ciphertext, sharedKey } = await encapsulateAsync(mlKem);
      const ephemeral = raw(pair.publicKey);
      const curveSecret = await agreeAsync({ privateKey: pair.privateKey, publicKey: onCurve });
      return { ciphertext: joined(ciphertext, ephemeral), secret: combined(sharedKey, curveSecret, ephemeral, onCurve) };
    },
    async decapsulatePooled(key, ciphertext) {
      const { mlKemCiphertext, ephemeral, peer } = taken(ciphertext);
      const { mlKem, onCurve } = halvesOf(key);
      const curveSecret = await agreeAsync({ privateKey: onCurve, publicKey: peer }).catch(zero);
      return combined(await decapsulateAsync(mlKem, mlKemCiphertext), curveSecret, ephemeral, onCurve);
    },
  });
}
