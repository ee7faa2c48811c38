/**
 * The mechanism: what one key algorithm can do, as functions on bytes.
 *
 * Each file of `mechanisms/` exports one or more of these and `mechanisms/register.ts` names them all. A mechanism
 * decides nothing about who may use a key: usages, lifecycle, policy and record-keeping belong to the vault. It must
 * never keep a key, open a file, or let secret bytes into an error. Keys arrive as KeyObjects, or as pairs of
 * them ({@link Key}), parsed once by {@link Mechanism.load}; no operation parses a key. Methods get only keys that the
 * same mechanism made: a mechanism names its kind of key, the register holds all kinds.
 *
 * @see RFC 8017, RFC 8032, FIPS 186-5, NIST SP 800-38A, NIST SP 800-38D, RFC 2104
 */
import type { KeyObject } from "node:crypto";
import type { AlgorithmName, DigestName } from "@keystead/contract/algorithms";
import type { CipherMode, MacMode, WrapMode } from "@keystead/contract/key-modes";
import type { RawPadding } from "@keystead/contract/mechanism-names";
import type { CompositeForm, Key } from "./composite-key.ts";

/** Where an operation belongs: on the event loop ("inline"), or on libuv's thread pool ("pool"). */
export type Cost = "inline" | "pool";
/** As {@link Cost}; "brief" belongs on the pool, but takes no third of a millisecond: the loop may do it when it is free. */
export type SigningCost = Cost | "brief";

/** What a signature request may choose. A mechanism refuses every parameter it does not read. */
export interface SignatureParams {
  /** Digest of the message. RSA: SHA-256 by default. ECDSA: by curve (256, 384, 512 bits). Others: none may be given. */
  readonly digest?: DigestName;
  /** RSA: RSASSA-PSS (default) or RSASSA-PKCS1-v1_5. Ed25519, Ed448: the pre-hashed variant instead of the pure one. */
  readonly scheme?: "pss" | "pkcs1" | "prehash";
  /** ECDSA: ASN.1 DER (default) or r || s (IEEE P1363). Every other algorithm has one form, called "raw". */
  readonly format?: "der" | "raw";
  /** What the signature is for, 0 to 255 bytes, signed with the message: Ed25519 (Ed25519ctx), Ed448, ML-DSA, SLH-DSA. */
  readonly context?: Uint8Array;
  /** RSASSA-PSS: length of the salt, made and accepted; as long as the digest by default. */
  readonly saltBytes?: number;
  /** ECDSA: RFC 6979's nonce, so that the same message has the same signature. Says nothing to verification. */
  readonly deterministic?: boolean;
}

/** Signs and verifies. The message is given whole; it is hashed here. */
export interface Signer<K extends Key = KeyObject> {
  readonly cost: SigningCost;
  /** Returns if `params` are ones this mechanism accepts. @throws {HsmError} MECHANISM_PARAM_INVALID otherwise */
  check(params: SignatureParams): void;
  /** The signature over `data`, made on the calling thread. @throws {HsmError} MECHANISM_PARAM_INVALID */
  sign(key: K, data: Uint8Array, params: SignatureParams): Buffer;
  /** As `sign`, on the thread pool. `data` must not change until the promise settles. */
  signPooled(key: K, data: Uint8Array, params: SignatureParams): Promise<Buffer>;
  /**
   * Whether `signature` is this key's over `data`. A malformed signature is `false`, never an error.
   * `publicKey` is the public half (`publicHalf`); @throws {HsmError} MECHANISM_PARAM_INVALID
   */
  verify(publicKey: K, data: Uint8Array, signature: Uint8Array, params: SignatureParams): boolean;
  /** As `verify`, on the thread pool. */
  verifyPooled(publicKey: K, data: Uint8Array, signature: Uint8Array, params: SignatureParams): Promise<boolean>;
  /**
   * The signature over a message of which only the digest is given; absent where an algorithm signs no digests.
   *
   * @param digestValue as long as `params.digest`, or the mechanism's own digest, makes it
   * @returns the signature itself where it was made on the calling thread
   * @throws {HsmError} MECHANISM_PARAM_INVALID, also as a rejection
   */
  signDigest?(key: K, digestValue: Uint8Array, params: SignatureParams): Buffer | Promise<Buffer>;
  /**
   * The private operation over bytes that are no message's digest: RSA alone (mechanisms/rsa-raw.ts).
   *
   * @throws {HsmError} MECHANISM_PARAM_INVALID
   */
  signRaw?(key: K, data: Uint8Array, padding: RawPadding): Promise<Buffer>;
}

/** What an encryption request may choose. A mechanism refuses every parameter it does not read. */
export interface CipherParams {
  /** AEADs only: bytes that are authenticated and not encrypted; the same are needed to decrypt. */
  readonly additionalData?: Uint8Array;
  /** RSA only: RSAES-OAEP (default) or RSAES-PKCS1-v1_5 (read the warning in mechanisms/rsa-cipher.ts). */
  readonly scheme?: "oaep" | "pkcs1";
  /** RSA-OAEP only: digest of the label and of MGF1, SHA-256 by default. */
  readonly digest?: DigestName;
  /** RSA-OAEP only: the label L of RFC 8017 §7.1, empty by default. */
  readonly label?: Uint8Array;
  /**
   * To encrypt only, and never RSA: the nonce (IV, first counter block, tweak) of the caller's choice, as long as the
   * mechanism's own; AES-GCM: 8 to 64 bytes.
   *
   * @security whoever chooses it answers for its uniqueness; the vault asks for a permission of its own
   */
  readonly nonce?: Uint8Array;
  /** Keys that are used in several modes, and AES-CBC: which one. */
  readonly mode?: CipherMode;
}

/** What encryption makes and decryption takes. */
export interface Ciphertext {
  /** AEADs: ciphertext || 16-byte tag. AES-CBC: whole blocks. CTR, XTS: as long as the plaintext. RSA: as the modulus. */
  readonly ciphertext: Uint8Array;
  /** AEADs: 12 bytes (XChaCha20: 24; AES-GCM: 8 to 64 where a caller chose it). AES-CBC, CTR and XTS: the 16-byte IV, counter or tweak. RSA: empty. */
  readonly nonce: Uint8Array;
}

/** Encrypts and decrypts. Nonces are drawn here unless {@link CipherParams.nonce} says otherwise. */
export interface Cipher<K extends Key = KeyObject> {
  /** For inputs of a few KiB; what is longer the vault sends elsewhere by size. */
  readonly cost: Cost;
  /** Returns if `params` are ones this mechanism accepts. @throws {HsmError} MECHANISM_PARAM_INVALID otherwise */
  check(params: CipherParams): void;
  /**
   * Whether a ciphertext of another key is refused, but for a chance that nobody meets. Where it is not, DECRYPTION_FAILED says
   * nothing of whose it was, and bytes that came out may be nobody's.
   */
  authenticates(params: CipherParams): boolean;
  /**
   * `plaintext` encrypted under a fresh random nonce, or the chosen one. `key` is the secret key, or either half of an RSA pair.
   * @throws {HsmError} MECHANISM_PARAM_INVALID; REQUEST_TOO_LARGE when RSA cannot carry so much
   */
  encrypt(key: K, plaintext: Uint8Array, params: CipherParams): { ciphertext: Buffer; nonce: Buffer };
  /**
   * As `encrypt`, laid out in one buffer as `headBytes` zeros || nonce || ciphertext, for a caller that writes a head of its
   * own in front. Only where large plaintexts are usual: it saves a copy.
   */
  encryptBehind?(key: K, plaintext: Uint8Array, params: CipherParams, headBytes: number): { bytes: Buffer; nonceBytes: number };
  /**
   * The plaintext, on memory of its own; the caller wipes it.
   * @throws {HsmError} DECRYPTION_FAILED   for every failure, with one constant detail; MECHANISM_PARAM_INVALID
   */
  decrypt(key: K, sealed: Ciphertext, params: CipherParams): Buffer;
  /** As `encrypt`, on the thread pool for AES-GCM and AES-CBC; on the calling thread for what Node cannot do there. */
  encryptPooled(key: K, plaintext: Uint8Array, params: CipherParams): Promise<{ ciphertext: Buffer; nonce: Buffer }>;
  /** As `decrypt`, on the thread pool; only RSA with PKCS#1 v1.5 or SHA-3, which Node cannot do there, stays here. */
  decryptPooled(key: K, sealed: Ciphertext, params: CipherParams): Promise<Buffer>;
}

/** What a MAC request may choose. A mechanism refuses every parameter it does not read. */
export interface MacParams {
  /** Length of the code in bytes, where not the mechanism's usual one; only lengths its specification allows. */
  readonly macBytes?: number;
  /** KMAC only: the customisation string S, at most 512 bytes. */
  readonly customization?: Uint8Array;
  /**
   * AES-GMAC only, 8 to 64 bytes. To verify: the nonce the code came with. To make one: the caller's own choice.
   *
   * @security whoever chooses it answers for its uniqueness; the vault asks for a permission of its own
   */
  readonly nonce?: Uint8Array;
  /** Keys that are used in several modes: which one. */
  readonly mode?: MacMode;
}

/** Computes and checks message authentication codes. */
export interface Macer<K extends Key = KeyObject> {
  readonly cost: Cost;
  /** Returns if `params` are ones this mechanism accepts. @throws {HsmError} MECHANISM_PARAM_INVALID otherwise */
  check(params: MacParams): void;
  /** The code over `data`, and the nonce it was made with (empty but for AES-GMAC). @throws {HsmError} MECHANISM_PARAM_INVALID */
  mac(key: K, data: Uint8Array, params: MacParams): { mac: Buffer; nonce: Buffer };
  /**
   * Whether `tag` is the code over `data` under these parameters; compared in constant time. A tag of another length than
   * the parameters say is `false`. @throws {HsmError} MECHANISM_PARAM_INVALID
   */
  verify(key: K, data: Uint8Array, tag: Uint8Array, params: MacParams): boolean;
}

/**
 * A key-encapsulation mechanism: a fresh secret for whoever holds a public key's private half.
 *
 * @see FIPS 203 §3; RFC 9180 §4
 */
export interface Kem<K extends Key = KeyObject> {
  readonly cost: Cost;
  readonly ciphertextBytes: number;
  readonly secretBytes: number;
  /** Present when the secret is not uniformly random, and goes through a derivation before it is a key. */
  readonly needsDerivation?: true;
  /** A fresh secret and what carries it. The caller wipes the secret, which is on memory of its own. */
  encapsulate(publicKey: K): { ciphertext: Buffer; secret: Buffer };
  /**
   * The secret that `ciphertext` carries, on memory of its own; the caller wipes it. Where the mechanism rejects
   * implicitly (ML-KEM and every hybrid with it), a ciphertext that was not made for the key yields another secret and
   * no error.
   * @throws {HsmError} MECHANISM_PARAM_INVALID   the ciphertext has another length or is no point of the key's curve
   */
  decapsulate(key: K, ciphertext: Uint8Array): Buffer;
  /** As `encapsulate`, on the thread pool. */
  encapsulatePooled(publicKey: K): Promise<{ ciphertext: Buffer; secret: Buffer }>;
  /** As `decapsulate`, on the thread pool. */
  decapsulatePooled(key: K, ciphertext: Uint8Array): Promise<Buffer>;
}

/**
 * Agrees on a secret with the holder of another key pair on the same curve.
 *
 * @see SP 800-56A Rev. 3 §5.7.1.2 (ECC CDH); RFC 7748 §6
 */
export interface Agreer<K extends Key = KeyObject> {
  readonly cost: Cost;
  /** The base point as a bare peer key: agreeing with it gives the x- or u-coordinate of one's own public key. */
  readonly base: Uint8Array;
  /**
   * The peer's public key, checked: SubjectPublicKeyInfo (DER or PEM), JWK, or bare bytes.
   * @throws {HsmError} MECHANISM_PARAM_INVALID
   */
  peer(bytes: Uint8Array): K;
  /**
   * The shared secret Z, on memory of its own; the caller wipes it. It is not uniformly random: it goes through a key
   * derivation before it is a key.
   * @throws {HsmError} MECHANISM_PARAM_INVALID   the peer's key is of small order, so that Z would be zero
   */
  agree(key: K, peer: K): Buffer;
  /** As `agree`, on the thread pool. */
  agreePooled(key: K, peer: K): Promise<Buffer>;
}

/** Hands a secret key's bytes to a derivation (kdf/). */
export interface Deriver<K extends Key = KeyObject> {
  /** The bytes, on memory of their own; the caller wipes them. */
  secretOf(key: K): Buffer;
}

/**
 * How key material may arrive. "pkcs8" and "sec1" are DER, "pem" is PKCS#8, SEC1 or PKCS#1 text, "jwk" is JSON text,
 * "raw" is a secret key's bytes, an Ed25519 seed (32 bytes), an ML-KEM seed (64 bytes), the private number of X25519 (32 bytes)
 * or X448 (56 bytes), or an EC private scalar (big-endian, as long as the order).
 */
export type ImportFormat = "pkcs8" | "sec1" | "jwk" | "raw" | "pem";

/** What wrapping a key may choose. A mechanism refuses every parameter it does not read. */
export interface WrapParams {
  /** RSA: OAEP around a fresh AES-256 key with KWP under it (default), or OAEP alone. Keys that receive HPKE: that. */
  readonly scheme?: "rsa-aes-kwp" | "rsa-oaep" | "hpke";
  /** RSA only: digest of OAEP and of its MGF1, SHA-256 by default. */
  readonly digest?: DigestName;
  /** AES-GCM only: bytes that are authenticated with the key; the same are needed to unwrap. */
  readonly additionalData?: Uint8Array;
  /** Keys that are used in several modes: which one. */
  readonly mode?: WrapMode;
}

/** Encrypts keys under keys. What is wrapped is the stored form of a key ({@link Mechanism.store}). */
export interface Wrapper<K extends Key = KeyObject> {
  readonly cost: Cost;
  /** Returns if `params` are ones this mechanism accepts. @throws {HsmError} MECHANISM_PARAM_INVALID otherwise */
  check(params: WrapParams): void;
  /**
   * `material` under `key`: a secret key, or the public half of a pair.
   * @throws {HsmError} MECHANISM_PARAM_INVALID; REQUEST_TOO_LARGE when RSA-OAEP alone cannot carry so much
   */
  wrap(key: K, material: Uint8Array, params: WrapParams): Buffer;
  /**
   * The material, on memory of its own; the caller wipes it. It was authenticated, but by whoever has the wrapping key.
   * @throws {HsmError} DECRYPTION_FAILED   for every failure, with one constant detail; MECHANISM_PARAM_INVALID
   */
  unwrap(key: K, wrapped: Uint8Array, params: WrapParams): Buffer;
}

/** One key algorithm. Exactly what its usages in the contract's table need is present of signer, cipher, macer, wrapper, kem, agreer and deriver. */
export interface Mechanism<K extends Key = KeyObject> {
  readonly algorithm: AlgorithmName;
  /** Whether a fresh key takes about as long as a cheap signature; left out where it takes longer. */
  readonly cheapGeneration?: true;
  /**
   * A fresh key from OpenSSL's random generator, made on the thread pool.
   *
   * @param sizeBytes of a secret key: one that its algorithm may have (`keyBytes`); its usual one when left out
   */
  generate(sizeBytes?: number): Promise<K>;
  /**
   * The key behind its stored form. The caller wipes `material` afterwards.
   * @throws {HsmError} INTEGRITY_FAILURE   the material is not a key of this algorithm
   */
  load(material: Buffer): K;
  /** The stored form: PKCS#8 DER of a private key, the bytes of a secret key. The caller wipes it. */
  store(key: K): Buffer;
  /**
   * A key that came from outside, after these checks: algorithm, curve and exact size; nothing after the key's end;
   * the private half belongs to any public half given with it; RSA numbers as RFC 8017 §3.2 relates them.
   * @throws {HsmError} INVALID_REQUEST   for everything wrong, never with the material in it
   */
  importKey(format: ImportFormat, bytes: Uint8Array): K;
  /** Present when the key has two halves; says how they are written. */
  readonly form?: CompositeForm;
  readonly signer?: Signer<K>;
  readonly cipher?: Cipher<K>;
  readonly macer?: Macer<K>;
  readonly wrapper?: Wrapper<K>;
  readonly kem?: Kem<K>;
  readonly agreer?: Agreer<K>;
  readonly deriver?: Deriver<K>;
}
