/**
 * What a known answer test is, and the ways one is put together.
 *
 * A row runs the mechanism it is given on a published vector, before the vault opens, and says whether the published
 * answer came out. Deterministic functions are compared byte for byte; randomised ones must accept a published
 * signature or open a published ciphertext, and refuse it once a bit is changed. This file must never take an answer
 * that code of ours produced.
 *
 * @see FIPS 140-3 IG 10.3.A (known answers), 10.3.B (one size per function is enough)
 */
import { timingSafeEqual } from "node:crypto";
import type { Key } from "../composite-key.ts";
import { publicHalf } from "../formats/public-key.ts";
import { loadPublicKey } from "../mechanisms/register.ts";
import type { CipherParams, ImportFormat, MacParams, Mechanism, SignatureParams, WrapParams } from "../mechanism.ts";

/** One published answer. */
export interface KnownAnswer {
  /** Where the vector stands: document and number. */
  readonly source: string;
  /** True when `mechanism` gives the published answer. May throw: that is a failure too. */
  holds(mechanism: Mechanism<Key>): boolean | Promise<boolean>;
}

/** Bytes of a vector: hexadecimal, or base64 behind `base64:` where that is what keeps a line short. */
export const vector = (text: string): Buffer =>
  text.startsWith("base64:") ? Buffer.from(text.slice(7), "base64") : Buffer.from(text, "hex");

/** Whether two byte strings are the same; neither is secret, the function is the one every comparison here uses. */
export const same = (a: Uint8Array, b: Uint8Array): boolean => a.byteLength === b.byteLength && timingSafeEqual(a, b);

/** The same bytes with one bit turned. */
export function altered(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}

/** A published signature verifies under its SubjectPublicKeyInfo, and an altered message does not. */
export interface VerifyVector {
  readonly spki: string;
  readonly message: string;
  readonly signature: string;
  readonly params?: SignatureParams;
}

export function verifies(mechanism: Mechanism<Key>, { spki, message, signature, params = {} }: VerifyVector): boolean {
  const key = loadPublicKey(mechanism.algorithm, vector(spki));
  const signer = mechanism.signer;
  if (signer === undefined) return false;
  const data = vector(message);
  const changed = Buffer.concat([data, Buffer.from([0])]);
  const published = vector(signature);
  return signer.verify(key, data, published, params) && !signer.verify(key, changed, published, params);
}

/** A deterministic signature comes out as published, and verifies. */
export interface SignVector {
  readonly format: ImportFormat;
  readonly key: string;
  readonly message: string;
  readonly signature: string;
  readonly params?: SignatureParams;
}

export function signs(mechanism: Mechanism<Key>, { format, key, message, signature, params = {} }: SignVector): boolean {
  const signer = mechanism.signer;
  if (signer === undefined) return false;
  const opened = mechanism.importKey(format, vector(key));
  const data = vector(message);
  const made = signer.sign(opened, data, params);
  const publicKey = publicHalf(opened);
  return (
    same(made, vector(signature)) && signer.verify(publicKey, data, made, params) && !signer.verify(publicKey, altered(data), made, params)
  );
}

/**
 * A published PKCS#1 v1.5 signature comes out of its DigestInfo in either way to give one: with the padding made here, and
 * as the whole block.
 */
export interface RawVector {
  readonly format: ImportFormat;
  readonly key: string;
  readonly digestInfo: string;
  readonly signature: string;
}

export async function signsRaw(mechanism: Mechanism<Key>, { format, key, digestInfo, signature }: RawVector): Promise<boolean> {
  const { signer } = mechanism;
  if (signer?.signRaw === undefined) return false;
  const opened = mechanism.importKey(format, vector(key));
  const [info, wanted] = [vector(digestInfo), vector(signature)];
  const block = Buffer.concat([Uint8Array.of(0, 1), Buffer.alloc(wanted.length - info.length - 3, 0xff), Uint8Array.of(0), info]);
  return same(await signer.signRaw(opened, info, "pkcs1"), wanted) && same(await signer.signRaw(opened, block, "none"), wanted);
}

/** A published ciphertext opens to its plaintext; what is encrypted here opens again. */
export interface OpenVector {
  readonly format: ImportFormat;
  readonly key: string;
  readonly nonce?: string;
  readonly ciphertext: string;
  readonly plaintext: string;
  readonly params?: CipherParams;
  /** False for modes that authenticate nothing. */
  readonly authenticated?: boolean;
}

export function opens(mechanism: Mechanism<Key>, asked: OpenVector): boolean {
  const { format, key, nonce = "", ciphertext, plaintext, params = {}, authenticated = true } = asked;
  const cipher = mechanism.cipher;
  if (cipher === undefined) return false;
  const opened = mechanism.importKey(format, vector(key));
  const sealed = { ciphertext: vector(ciphertext), nonce: vector(nonce) };
  const wanted = vector(plaintext);
  if (!same(cipher.decrypt(opened, sealed, params), wanted)) return false;
  const made = cipher.encrypt(opened, wanted, params);
  if (same(made.ciphertext.subarray(0, wanted.length), wanted) || !same(cipher.decrypt(opened, made, params), wanted)) return false;
  return !authenticated || refused(() => cipher.decrypt(opened, { ...sealed, ciphertext: altered(sealed.ciphertext) }, params));
}

/** A code comes out as published; an altered one is not accepted. */
export interface MacVector {
  readonly key: string;
  readonly message: string;
  readonly mac: string;
  readonly params?: MacParams;
}

export function macs(mechanism: Mechanism<Key>, { key, message, mac, params = {} }: MacVector): boolean {
  const macer = mechanism.macer;
  if (macer === undefined) return false;
  const opened = mechanism.importKey("raw", vector(key));
  const data = vector(message);
  const wanted = vector(mac);
  return (
    same(macer.mac(opened, data, params).mac, wanted) &&
    macer.verify(opened, data, wanted, params) &&
    !macer.verify(opened, data, altered(wanted), params)
  );
}

/** A published ciphertext carries its secret; what is encapsulated here is decapsulated again. */
export interface DecapsulateVector {
  readonly key: string;
  readonly ciphertext: string;
  readonly secret: string;
}

export function decapsulates(mechanism: Mechanism<Key>, { key, ciphertext, secret }: DecapsulateVector): boolean {
  const kem = mechanism.kem;
  if (kem === undefined) return false;
  const opened = mechanism.importKey("raw", vector(key));
  if (!same(kem.decapsulate(opened, vector(ciphertext)), vector(secret))) return false;
  const made = kem.encapsulate(publicHalf(opened));
  return same(kem.decapsulate(opened, made.ciphertext), made.secret);
}

/** A published wrapped key unwraps to its material; what is wrapped here unwraps again, and not with a bit changed. */
export interface WrapVector {
  readonly format?: ImportFormat;
  readonly key: string;
  readonly material: string;
  readonly wrapped: string;
  readonly params?: WrapParams;
  /** For wrapping that draws nothing: the published bytes come out again. */
  readonly deterministic?: boolean;
}

export function wraps(mechanism: Mechanism<Key>, asked: WrapVector): boolean {
  const { format = "raw", key, material, wrapped, params = {}, deterministic = false } = asked;
  const wrapper = mechanism.wrapper;
  if (wrapper === undefined) return false;
  const opened = mechanism.importKey(format, vector(key));
  const [published, wanted] = [vector(wrapped), vector(material)];
  if (!same(wrapper.unwrap(opened, published, params), wanted)) return false;
  const made = wrapper.wrap(opened.type === "secret" ? opened : publicHalf(opened), wanted, {});
  if (deterministic && !same(made, published)) return false;
  return same(wrapper.unwrap(opened, made, {}), wanted) && refused(() => wrapper.unwrap(opened, altered(made), {}));
}

/** A published pair agrees on its published secret; what is encapsulated here, where keys do that, is decapsulated again. */
export interface AgreeVector {
  readonly key: string;
  readonly peer: string;
  readonly secret: string;
}

export function agrees(mechanism: Mechanism<Key>, { key, peer, secret }: AgreeVector): boolean {
  const { agreer, kem, wrapper } = mechanism;
  if (agreer === undefined) return false;
  const opened = mechanism.importKey("raw", vector(key));
  if (!same(agreer.agree(opened, agreer.peer(vector(peer))), vector(secret))) return false;
  if (kem === undefined) return true;
  const made = kem.encapsulate(publicHalf(opened));
  if (!same(kem.decapsulate(opened, made.ciphertext), made.secret)) return false;
  if (wrapper === undefined) return true;
  // Wrapping is HPKE, whose published answers have an info that wrapping has not: it must come back to where it began.
  const wrapped = wrapper.wrap(publicHalf(opened), vector(secret), {});
  return same(wrapper.unwrap(opened, wrapped, {}), vector(secret)) && refused(() => wrapper.unwrap(opened, altered(wrapped), {}));
}

/** Whether `attempt` throws. */
export function refused(attempt: () => unknown): boolean {
  try {
    attempt();
    return false;
  } catch {
    return true;
  }
}
