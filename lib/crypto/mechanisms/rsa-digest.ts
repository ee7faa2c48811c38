/**
 * RSA signatures over a digest that the caller computed.
 *
 * Node hashes whatever it is given to sign, so the encoding is ours and the private operation is OpenSSL's, with its
 * blinding: PKCS#1 v1.5 padding around a DigestInfo, or EMSA-PSS and no padding. Node has that operation on the calling
 * thread alone. Nothing secret is handled here but the key object; this file must never use "no padding" for anything
 * that it did not encode itself.
 *
 * @see RFC 8017 §8.2.1 and §9.2 (PKCS#1 v1.5), §9.1.1 (EMSA-PSS), App. B.2.1 (MGF1)
 */
import { constants, hash, privateEncrypt, type KeyObject } from "node:crypto";
import type { DigestName } from "@keystead/contract/algorithms";
import { opensslDigest } from "../digest.ts";
import { derNull, derObjectIdentifier, derOctetString, derSequence } from "../formats/der-writer.ts";
import { fillRandom } from "../random.ts";
import { paramInvalid } from "./refusals.ts";

/** NIST's arc of hash functions (RFC 8017 App. B.1; FIPS 202 by NIST's registry). */
const DIGEST_OIDS: Readonly<Partial<Record<DigestName, string>>> = Object.freeze({
  "SHA-256": "2.16.840.1.101.3.4.2.1",
  "SHA-384": "2.16.840.1.101.3.4.2.2",
  "SHA-512": "2.16.840.1.101.3.4.2.3",
  "SHA3-256": "2.16.840.1.101.3.4.2.8",
  "SHA3-384": "2.16.840.1.101.3.4.2.9",
  "SHA3-512": "2.16.840.1.101.3.4.2.10",
});

/** The dotted object identifier of a digest. @throws {HsmError} MECHANISM_PARAM_INVALID   it has none here (BLAKE3) */
export function digestOid(name: DigestName): string {
  const oid = DIGEST_OIDS[name];
  if (oid === undefined) throw paramInvalid(`${name} cannot be used with this mechanism`);
  return oid;
}

/** RSASSA-PKCS1-v1_5 over `digest`, which is as long as `name` says. */
export function signPkcs1(key: KeyObject, name: DigestName, digest: Uint8Array): Buffer {
  const info = derSequence(derSequence(derObjectIdentifier(digestOid(name)), derNull()), derOctetString(digest));
  return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, info);
}

/** RSASSA-PSS over `digest`, MGF1 with the same digest, a random salt of `saltBytes`; the caller has checked the lengths. */
export function signPss(key: KeyObject, name: DigestName, digest: Uint8Array, sizeBits: number, saltBytes: number): Buffer {
  const openssl = opensslDigest(name);
  const salt = fillRandom(Buffer.alloc(saltBytes));
  const inner = hash(openssl, Buffer.concat([Buffer.alloc(8), digest, salt]), "buffer");
  // For a modulus of whole bytes the encoded message is as long as the modulus, with its first bit cleared.
  const block = Buffer.alloc(sizeBits / 8 - digest.byteLength - 1);
  block[block.byteLength - saltBytes - 1] = 0x01;
  block.set(salt, block.byteLength - saltBytes);
  const mask = mgf1(openssl, inner, block.byteLength);
  for (let at = 0; at < block.byteLength; at++) block[at] = (block[at] as number) ^ (mask[at] as number);
  block[0] = (block[0] as number) & 0x7f;
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, Buffer.concat([block, inner, Uint8Array.of(0xbc)]));
}

function mgf1(openssl: string, seed: Uint8Array, maskBytes: number): Buffer {
  const pieces: Buffer[] = [];
  const counter = Buffer.alloc(4);
  for (let made = 0, round = 0; made < maskBytes; round++) {
    counter.writeUInt32BE(round);
    const piece = hash(openssl, Buffer.concat([seed, counter]), "buffer");
    pieces.push(piece);
    made += piece.byteLength;
  }
  return Buffer.concat(pieces).subarray(0, maskBytes);
}
