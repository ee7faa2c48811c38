/**
 * AES key wrap: KW, for material of whole 8-byte blocks, and KWP, for any.
 *
 * Both are deterministic and need no nonce: one key wrapped twice under another gives the same bytes. KW and KWP keys wrap
 * keys and do nothing else. This file must never say why something does not unwrap.
 *
 * @see NIST SP 800-38F §6.2 (KW), §6.3 (KWP); RFC 3394; RFC 5649; PKCS#11 3.1 CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP
 */
import { createCipheriv, createDecipheriv, type CipherKey, type KeyObject } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Mechanism, WrapParams, Wrapper } from "../mechanism.ts";
import { takesNoMode } from "./one-mode.ts";
import { paramInvalid, unwrapFailed } from "./refusals.ts";
import { secretKeyMethods } from "./secret-key.ts";

const BLOCK_BYTES = 8;
type Size = 128 | 192 | 256;

/** The two forms: how OpenSSL calls them, and the check value it must be told (RFC 3394 §2.2.3.1, RFC 5649 §3). */
interface Form {
  readonly name: "AES-KW" | "AES-KWP";
  readonly suffix: "" | "-pad";
  readonly checkValue: Buffer;
  /** Shortest wrapped form, in bytes. */
  readonly shortestBytes: number;
}
const KW: Form = { name: "AES-KW", suffix: "", checkValue: Buffer.from("a6a6a6a6a6a6a6a6", "hex"), shortestBytes: 24 };
const KWP: Form = { name: "AES-KWP", suffix: "-pad", checkValue: Buffer.from("a65959a6", "hex"), shortestBytes: 16 };

const opensslName = (form: Form, size: Size): string => `id-aes${size}-wrap${form.suffix}`;

function wrapWith(form: Form, size: Size, key: CipherKey, material: Uint8Array): Buffer {
  if (material.byteLength === 0) throw paramInvalid("there is nothing to wrap");
  // One block is what KWP is for; RFC 3394 §2 begins at two.
  if (form === KW && (material.byteLength % BLOCK_BYTES !== 0 || material.byteLength < 2 * BLOCK_BYTES))
    throw paramInvalid(
      `AES-KW wraps 16 bytes or more, in whole blocks of ${BLOCK_BYTES}; this key has ${material.byteLength}: use AES-KWP`,
    );
  return createCipheriv(opensslName(form, size), key, form.checkValue).update(material);
}

function unwrapWith(form: Form, size: Size, key: CipherKey, wrapped: Uint8Array): Buffer {
  if (wrapped.byteLength < form.shortestBytes || wrapped.byteLength % BLOCK_BYTES !== 0) throw unwrapFailed();
  try {
    return createDecipheriv(opensslName(form, size), key, form.checkValue).update(wrapped);
  } catch {
    throw unwrapFailed();
  }
}

/** `material` under a 256-bit key of the moment; for formats that carry such a key themselves. @internal */
export const wrapKwp = (key: CipherKey, material: Uint8Array): Buffer => wrapWith(KWP, 256, key, material);

/** The material behind {@link wrapKwp}, under a key of 16, 24 or 32 bytes; the caller wipes it. @throws {HsmError} DECRYPTION_FAILED @internal */
export const unwrapKwp = (key: Uint8Array, wrapped: Uint8Array): Buffer => unwrapWith(KWP, (8 * key.byteLength) as Size, key, wrapped);

function keyWrap(algorithm: AlgorithmName, form: Form, size: Size): Mechanism {
  const check = ({ scheme, digest, additionalData, ...more }: WrapParams): void => {
    takesNoMode(more);
    if (scheme !== undefined || digest !== undefined || additionalData !== undefined)
      throw paramInvalid(`${form.name} takes no parameters`);
  };
  const wrapper: Wrapper = {
    cost: "inline",
    check,
    wrap(key: KeyObject, material, params) {
      check(params);
      return wrapWith(form, size, key, material);
    },
    unwrap(key: KeyObject, wrapped, params) {
      check(params);
      return unwrapWith(form, size, key, wrapped);
    },
  };
  return Object.freeze<Mechanism>({ ...secretKeyMethods(algorithm), wrapper: Object.freeze(wrapper) });
}

export const aes128Kw: Mechanism = keyWrap("AES-128-KW", KW, 128);
export const aes192Kw: Mechanism = keyWrap("AES-192-KW", KW, 192);
export const aes256Kw: Mechanism = keyWrap("AES-256-KW", KW, 256);
export const aes128Kwp: Mechanism = keyWrap("AES-128-KWP", KWP, 128);
export const aes192Kwp: Mechanism = keyWrap("AES-192-KWP", KWP, 192);
export const aes256Kwp: Mechanism = keyWrap("AES-256-KWP", KWP, 256);
