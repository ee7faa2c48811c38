/**
 * Hybrid public-key encryption, single-shot: one message to the holder of a private key, in base and PSK mode.
 *
 * The encapsulation is a mechanism's {@link Kem} (DHKEM on the curves of RFC 9180); what follows from its secret is here:
 * the key schedule and one AEAD call with sequence number 0. Nonces are derived with the keys, so none is ever used twice.
 * The export-only AEAD is not offered. This file must never say why a message does not open.
 *
 * @see RFC 9180 §5.1 (key schedule), §6.1 (single-shot), §7 (identifiers), §9.5 (PSK of 32 bytes and more)
 */
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import { decryptionFailed, paramInvalid } from "./mechanisms/refusals.ts";
import { secretBuffer, wipe } from "./wipe.ts";

/** RFC 9180 Table 2, Table 3, Table 5, by the names of proto/hsm/hsm.proto. */
const KEMS = Object.freeze({
  X25519: { id: 0x0020, kdf: "hkdf_sha256" },
  X448: { id: 0x0021, kdf: "hkdf_sha512" },
  "ECDH-P256": { id: 0x0010, kdf: "hkdf_sha256" },
  "ECDH-P384": { id: 0x0011, kdf: "hkdf_sha384" },
  "ECDH-P521": { id: 0x0012, kdf: "hkdf_sha512" },
} as const satisfies Partial<Record<AlgorithmName, { id: number; kdf: HpkeKdfName }>>);
const KDFS = Object.freeze({
  hkdf_sha256: { id: 0x0001, hash: "sha256", bytes: 32 },
  hkdf_sha384: { id: 0x0002, hash: "sha384", bytes: 48 },
  hkdf_sha512: { id: 0x0003, hash: "sha512", bytes: 64 },
});
const AEADS = Object.freeze({
  aes_128_gcm: { id: 0x0001, cipher: "aes-128-gcm", keyBytes: 16 },
  aes_256_gcm: { id: 0x0002, cipher: "aes-256-gcm", keyBytes: 32 },
  chacha20_poly1305: { id: 0x0003, cipher: "chacha20-poly1305", keyBytes: 32 },
});
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const MIN_PSK_BYTES = 32;

export type HpkeKdfName = "hkdf_sha256" | "hkdf_sha384" | "hkdf_sha512";
export type HpkeAeadName = keyof typeof AEADS;

/** What both sides must agree on beside the key. */
export interface HpkeParams {
  /** Left out: the one of the key's own encapsulation (Table 2). */
  readonly kdf?: HpkeKdfName;
  /** Left out: AES-256-GCM. */
  readonly aead?: HpkeAeadName;
  readonly info: Uint8Array;
  readonly additionalData: Uint8Array;
  /** Present in PSK mode: the shared key, 32 bytes and more, and its name, which is not empty. */
  readonly psk?: { readonly secret: Uint8Array; readonly id: Uint8Array };
}

/** Whether keys of this algorithm receive HPKE messages. */
export const receivesHpke = (algorithm: AlgorithmName): boolean => Object.hasOwn(KEMS, algorithm);

/**
 * Returns if `params` are ones that keys of `algorithm` take.
 *
 * @throws {HsmError} MECHANISM_NOT_SUPPORTED, MECHANISM_PARAM_INVALID
 */
export function checkHpke(algorithm: AlgorithmName, { kdf, aead, psk }: HpkeParams): void {
  if (!receivesHpke(algorithm)) throw new HsmError("MECHANISM_NOT_SUPPORTED", `${algorithm} keys do not receive HPKE messages`);
  if (kdf !== undefined && !Object.hasOwn(KDFS, kdf)) throw paramInvalid("HPKE is made with HKDF-SHA256, -SHA384 or -SHA512");
  if (aead !== undefined && !Object.hasOwn(AEADS, aead))
    throw paramInvalid("HPKE is made with AES-128-GCM, AES-256-GCM or ChaCha20-Poly1305");
  if (psk !== undefined && psk.secret.byteLength < MIN_PSK_BYTES)
    throw paramInvalid(`a pre-shared key has ${MIN_PSK_BYTES} bytes and more`);
  if (psk !== undefined && psk.id.byteLength === 0) throw paramInvalid("a pre-shared key goes with its psk_id");
}

/**
 * The ciphertext (with its tag) of `plaintext` under what follows from an encapsulated `sharedSecret`.
 *
 * @security one secret seals one message: encapsulate anew for the next
 */
export function sealHpke(algorithm: AlgorithmName, sharedSecret: Uint8Array, plaintext: Uint8Array, params: HpkeParams): Buffer {
  const { cipher, key, nonce } = schedule(algorithm, sharedSecret, params);
  try {
    const sealer = createCipheriv(cipher, key, nonce, { authTagLength: TAG_BYTES });
    sealer.setAAD(params.additionalData, { plaintextLength: plaintext.byteLength });
    const sealed = Buffer.allocUnsafeSlow(plaintext.byteLength + TAG_BYTES);
    sealed.set(sealer.update(plaintext), 0);
    sealer.final();
    sealed.set(sealer.getAuthTag(), plaintext.byteLength);
    return sealed;
  } finally {
    wipe(key, nonce);
  }
}

/** The plaintext, on memory of its own; the caller wipes it. @throws {HsmError} DECRYPTION_FAILED */
export function openHpke(algorithm: AlgorithmName, sharedSecret: Uint8Array, ciphertext: Uint8Array, params: HpkeParams): Buffer {
  const bodyBytes = ciphertext.byteLength - TAG_BYTES;
  if (bodyBytes < 0) throw decryptionFailed();
  const { cipher, key, nonce } = schedule(algorithm, sharedSecret, params);
  try {
    const opener = createDecipheriv(cipher, key, nonce, { authTagLength: TAG_BYTES });
    opener.setAAD(params.additionalData, { plaintextLength: bodyBytes });
    opener.setAuthTag(ciphertext.subarray(bodyBytes));
    const plaintext = opener.update(ciphertext.subarray(0, bodyBytes));
    try {
      opener.final();
    } catch {
      wipe(plaintext);
      throw decryptionFailed();
    }
    return plaintext;
  } finally {
    wipe(key, nonce);
  }
}

const NOTHING = new Uint8Array(0);
const MODE_BASE = 0x00;
const MODE_PSK = 0x01;

/** RFC 9180 §5.1: the key and the nonce of sequence number 0. */
function schedule(
  algorithm: AlgorithmName,
  sharedSecret: Uint8Array,
  params: HpkeParams,
): { cipher: "aes-256-gcm"; key: Buffer; nonce: Buffer } {
  const kem = KEMS[algorithm as keyof typeof KEMS];
  const kdf = KDFS[params.kdf ?? kem.kdf];
  const aead = AEADS[params.aead ?? "aes_256_gcm"];
  const suite = Buffer.concat([Buffer.from("HPKE", "ascii"), u16(kem.id), u16(kdf.id), u16(aead.id)]);
  const { psk } = params;
  const pskIdHash = labeledExtract(kdf.hash, suite, NOTHING, "psk_id_hash", psk?.id ?? NOTHING);
  const infoHash = labeledExtract(kdf.hash, suite, NOTHING, "info_hash", params.info);
  const context = Buffer.concat([Uint8Array.of(psk === undefined ? MODE_BASE : MODE_PSK), pskIdHash, infoHash]);
  const secret = labeledExtract(kdf.hash, suite, sharedSecret, "secret", psk?.secret ?? NOTHING);
  try {
    return {
      // The three ciphers are used alike; the types of Node tell GCM from the rest.
      cipher: aead.cipher as "aes-256-gcm",
      key: labeledExpand(kdf, suite, secret, "key", context, aead.keyBytes),
      nonce: labeledExpand(kdf, suite, secret, "base_nonce", context, NONCE_BYTES),
    };
  } finally {
    wipe(secret);
  }
}

const VERSION = Buffer.from("HPKE-v1", "ascii");

/** RFC 9180 §4: HKDF-Extract over labelled input. */
function labeledExtract(hash: string, suite: Uint8Array, salt: Uint8Array, label: string, input: Uint8Array): Buffer {
  return createHmac(hash, salt).update(VERSION).update(suite).update(label, "ascii").update(input).digest();
}

/** RFC 9180 §4: HKDF-Expand with labelled info. */
function labeledExpand(
  { hash, bytes }: { readonly hash: string; readonly bytes: number },
  suite: Uint8Array,
  secret: Uint8Array,
  label: string,
  info: Uint8Array,
  size: number,
): Buffer {
  const expanded = secretBuffer(size);
  let block: Buffer = Buffer.alloc(0);
  for (let at = 0, counter = 1; at < size; at += bytes, counter++) {
    const next = createHmac(hash, secret)
      .update(block)
      .update(u16(size))
      .update(VERSION)
      .update(suite)
      .update(label, "ascii")
      .update(info)
      .update(Uint8Array.of(counter))
      .digest();
    wipe(block);
    block = next;
    expanded.set(block.subarray(0, size - at), at);
  }
  wipe(block);
  return expanded;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
