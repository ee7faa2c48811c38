/**
 * Wrapping keys with RSA: by OAEP alone, or (for anything that does not fit into one modulus) by OAEP around a fresh
 * AES-256 key and KWP under that key.
 *
 *      RSA-AES-KWP:   OAEP(AES key), as long as the modulus || KWP(AES key, material)
 *
 * PKCS#1 v1.5 is not offered. What fails in either half reads the same, and an OAEP half that fails is followed by the same
 * work as one that does not. The digest is that of OAEP and of its MGF1, SHA-256 unless said otherwise; the label is empty.
 *
 * @see PKCS#11 3.1 CKM_RSA_AES_KEY_WRAP, CKM_RSA_PKCS_OAEP; RFC 8017 §7.1; NIST SP 800-38F; NIST SP 800-56B §9
 */
import type { KeyObject } from "node:crypto";
import type { WrapParams, Wrapper } from "../mechanism.ts";
import { fillRandom } from "../random.ts";
import { secretBuffer, wipe } from "../wipe.ts";
import { unwrapKwp, wrapKwp } from "./aes-key-wrap.ts";
import { takesNoMode } from "./one-mode.ts";
import { paramInvalid, unwrapFailed } from "./refusals.ts";
import { rsaCipher } from "./rsa-cipher.ts";

const AES_KEY_BYTES = 32;
const AES_SIZES: readonly number[] = [16, 24, 32];
/** The least that KWP makes. */
const SHORTEST_KWP_BYTES = 16;
const NO_NONCE = new Uint8Array(0);

const oaep = ({ digest }: WrapParams) => (digest === undefined ? {} : { digest });

function check(params: WrapParams): void {
  takesNoMode(params);
  if (params.scheme !== undefined && params.scheme !== "rsa-aes-kwp" && params.scheme !== "rsa-oaep")
    throw paramInvalid("an RSA key wraps by rsa-aes-kwp or rsa-oaep");
  if (params.additionalData !== undefined) throw paramInvalid("an RSA key wraps without additional data");
  rsaCipher.check(oaep(params));
}

/** The AES key in the OAEP half, or a random one in its place: the caller does the same work with either. */
function innerKey(key: KeyObject, head: Uint8Array, params: WrapParams): { inner: Buffer; sound: boolean } {
  try {
    const inner = rsaCipher.decrypt(key, { ciphertext: head, nonce: NO_NONCE }, oaep(params));
    if (AES_SIZES.includes(inner.byteLength)) return { inner, sound: true };
    wipe(inner);
  } catch {
    // Told below, with every other failure.
  }
  return { inner: fillRandom(secretBuffer(AES_KEY_BYTES)), sound: false };
}

/** {@link Wrapper} of every RSA mechanism. To wrap takes the public half, to unwrap the private one. */
export const rsaWrapper: Wrapper = Object.freeze<Wrapper>({
  cost: "pool",
  check,
  wrap(key: KeyObject, material, params) {
    check(params);
    if (material.byteLength === 0) throw paramInvalid("there is nothing to wrap");
    if (params.scheme === "rsa-oaep") return rsaCipher.encrypt(key, material, oaep(params)).ciphertext;
    const inner = fillRandom(secretBuffer(AES_KEY_BYTES));
    try {
      return Buffer.concat([rsaCipher.encrypt(key, inner, oaep(params)).ciphertext, wrapKwp(inner, material)]);
    } finally {
      wipe(inner);
    }
  },
  unwrap(key: KeyObject, wrapped, params) {
    check(params);
    if (params.scheme === "rsa-oaep") {
      let material: Buffer;
      try {
        material = rsaCipher.decrypt(key, { ciphertext: wrapped, nonce: NO_NONCE }, oaep(params));
      } catch {
        throw unwrapFailed();
      }
      if (material.byteLength === 0) throw unwrapFailed();
      return material;
    }
    const modulusBytes = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
    if (wrapped.byteLength < modulusBytes + SHORTEST_KWP_BYTES) throw unwrapFailed();
    const { inner, sound } = innerKey(key, wrapped.subarray(0, modulusBytes), params);
    let material: Buffer | undefined;
    try {
      material = unwrapKwp(inner, wrapped.subarray(modulusBytes));
      if (sound) return material;
      wipe(material);
      throw unwrapFailed();
    } finally {
      wipe(inner);
    }
  },
});
