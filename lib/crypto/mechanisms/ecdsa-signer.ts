/**
 * The signer of every ECDSA mechanism: OpenSSL's, and around it what OpenSSL does not do.
 *
 * That is RFC 6979's nonces (ecdsa-scalars.ts), and on secp256k1 the rule that s is at most n/2: of the two signatures
 * that one nonce has, only the one with the lower s is made and accepted, so that nobody can turn one into another. The
 * numbers handled here are those of a finished signature; nothing in this file may touch a private key.
 *
 * @see FIPS 186-5 §6; SEC 1 §4.1; RFC 6979; BIP 62 rule 5 (low s)
 */
import type { KeyObject } from "node:crypto";
import type { DigestName } from "@keystead/contract/algorithms";
import { digest as digestOf, opensslDigest } from "../digest.ts";
import { readSequence, unsignedInteger } from "../formats/der.ts";
import { derSequence, derUnsigned } from "../formats/der-writer.ts";
import type { Cost, SignatureParams, Signer } from "../mechanism.ts";
import { signDigest, signDigestPooled, type NonceChoice, type ScalarCurve } from "./ecdsa-scalars.ts";
import { checkDigestLength } from "./refusals.ts";
import { opensslSigner, type SigningPlan } from "./openssl-signer.ts";

/** What signing needs to know of a curve. */
export interface SignerCurve extends ScalarCurve {
  /** Of the message, when a request names none. */
  readonly digest: DigestName;
  readonly cost: Cost;
  /** Only s of at most n/2 is made and accepted. */
  readonly lowS: boolean;
}

/**
 * A signer for one curve.
 *
 * @param plan checks the parameters and returns what to tell OpenSSL; throws MECHANISM_PARAM_INVALID
 */
export function ecdsaSigner(curve: SignerCurve, plan: (params: SignatureParams) => SigningPlan): Signer {
  const openssl = opensslSigner(curve.cost, plan);
  const isByHand = ({ deterministic }: SignatureParams): boolean => deterministic === true;
  const inRaw = (params: SignatureParams): SignatureParams => ({ ...params, format: "raw" });
  const finish = (raw: Buffer, { format }: SignatureParams): Buffer => {
    const sound = curve.lowS ? withLowS(raw, curve.order) : raw;
    return format === "raw" ? sound : derOf(sound);
  };
  const choiceOf = ({ digest = curve.digest }: SignatureParams): [DigestName, NonceChoice] => [
    digest,
    { hash: opensslDigest(digest), deterministic: true },
  ];
  const mayVerify = (signature: Uint8Array, { format }: SignatureParams): boolean =>
    !curve.lowS || hasLowS(format === "raw" ? signature.subarray(curve.scalarBytes) : secondNumber(signature), curve.order);
  return Object.freeze<Signer>({
    cost: curve.cost,
    check: openssl.check,
    sign(key: KeyObject, data, params) {
      plan(params);
      if (isByHand(params)) {
        const [digest, choice] = choiceOf(params);
        return finish(signDigest(curve, key, digestOf(digest, data), choice), params);
      }
      return curve.lowS ? finish(openssl.sign(key, data, inRaw(params)), params) : openssl.sign(key, data, params);
    },
    async signPooled(key: KeyObject, data, params) {
      plan(params);
      if (isByHand(params)) {
        const [digest, choice] = choiceOf(params);
        return finish(await signDigestPooled(curve, key, digestOf(digest, data), choice), params);
      }
      return curve.lowS ? finish(await openssl.signPooled(key, data, inRaw(params)), params) : openssl.signPooled(key, data, params);
    },
    signDigest(key: KeyObject, digestValue, params) {
      plan(params);
      const [digest, { hash }] = choiceOf(params);
      checkDigestLength(digest, digestValue);
      const choice = { hash, deterministic: isByHand(params) };
      if (curve.quick) return finish(signDigest(curve, key, digestValue, choice), params);
      return signDigestPooled(curve, key, digestValue, choice).then((raw) => finish(raw, params));
    },
    verify(publicKey, data, signature, params) {
      plan(params);
      return mayVerify(signature, params) && openssl.verify(publicKey, data, signature, params);
    },
    async verifyPooled(publicKey, data, signature, params) {
      plan(params);
      return mayVerify(signature, params) && openssl.verifyPooled(publicKey, data, signature, params);
    },
  });
}

/** r || s as SEQUENCE of two INTEGERs. */
const derOf = (raw: Buffer): Buffer =>
  derSequence(derUnsigned(raw.subarray(0, raw.byteLength / 2)), derUnsigned(raw.subarray(raw.byteLength / 2)));

/** s of a DER signature; empty when it is none, which OpenSSL then refuses. */
function secondNumber(signature: Uint8Array): Uint8Array {
  const elements = readSequence(signature);
  return unsignedInteger(signature, elements?.[1]) ?? new Uint8Array();
}

/** Whether a big-endian number is at most n/2. Its length is anything. */
const hasLowS = (s: Uint8Array, order: Buffer): boolean => compareNumbers(double(s), order) <= 0;

/** r || min(s, n - s). */
function withLowS(raw: Buffer, order: Buffer): Buffer {
  const half = raw.byteLength / 2;
  const s = raw.subarray(half);
  if (hasLowS(s, order)) return raw;
  let borrow = 0;
  for (let at = half - 1; at >= 0; at--) {
    const difference = (order[at] as number) - (s[at] as number) - borrow;
    borrow = difference < 0 ? 1 : 0;
    s[at] = difference + 256 * borrow;
  }
  return raw;
}

function double(number: Uint8Array): Uint8Array {
  const doubled = new Uint8Array(number.byteLength + 1);
  for (let at = number.byteLength - 1; at >= 0; at--) {
    const value = (number[at] as number) << 1;
    doubled[at + 1] = (doubled[at + 1] as number) | (value & 0xff);
    doubled[at] = value >> 8;
  }
  return doubled;
}

function compareNumbers(a: Uint8Array, b: Uint8Array): number {
  const length = Math.max(a.byteLength, b.byteLength);
  const padded = (number: Uint8Array): Uint8Array => {
    const wide = new Uint8Array(length);
    wide.set(number, length - number.byteLength);
    return wide;
  };
  return Buffer.compare(padded(a), padded(b));
}
