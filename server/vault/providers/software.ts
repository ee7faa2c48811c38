/**
 * The software provider: mechanisms of lib/crypto, run where they belong.
 *
 * What takes under about 50 microseconds runs on the event loop, and so does an RSA-2048 signature when nothing else is
 * under way; RSA otherwise, P-384, P-521, key generation, large messages and most members of a batch go to the thread pool,
 * costly and cheap jobs behind a {@link Limiter} each.
 *
 * Long, because every use of a key is here: each is held to what the key allows and given its place by the same queues.
 */
import { ALGORITHMS, type AlgorithmName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import type { Key } from "@keystead/crypto/composite-key";
import type {
  Cipher,
  CipherParams,
  Ciphertext,
  Kem,
  Macer,
  MacParams,
  SignatureParams,
  Signer,
  WrapParams,
  Wrapper,
} from "@keystead/crypto/mechanism";
import {
  HPKE,
  HPKE_PSK,
  digestMechanism,
  encryptionMechanism,
  macMechanism,
  rawMechanism,
  signatureMechanism,
  wrappingMechanism,
  type RawPadding,
} from "@keystead/contract/mechanism-names";
import type { KdfName } from "@keystead/contract/kdfs";
import type { KdfParams } from "@keystead/crypto/kdf/kdf";
import { checkHpke, openHpke, sealHpke, type HpkeParams } from "@keystead/crypto/hpke";
import { kdfs } from "@keystead/crypto/kdf/register";
import { decryptionFailed } from "@keystead/crypto/mechanisms/refusals";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { wipe } from "@keystead/crypto/wipe";
import { wrapForRecipient, type ForRecipient } from "@keystead/crypto/recipient";
import { consistent } from "@keystead/crypto/self-tests/consistency";
import type { OpenKey } from "../objects/key-shapes.ts";
import { Limiter } from "./limiter.ts";

/** Messages above this are hashed on the pool, in bytes. */
const INLINE_BYTES = 16 * 1024;
/** Cheap jobs of batches that may wait in the pool at once: about two milliseconds of work for two cores. */
const LIGHT_JOBS = 128;
/**
 * Of cheap batch items, this share is done on the event loop: with everything in the pool, the loop would be busy
 * handing jobs over and taking results back while it could have done a third of them itself.
 */
const INLINE_EVERY = 3;

/**
 * While cheap requests come at least this often, costly jobs leave one core to the event loop: otherwise 64 callers of
 * RSA keep everybody else waiting for the processor. Alone, they have every core.
 */
const INTERACTIVE_MS = 5;

/**
 * Alone, costly jobs are handed to the pool this many times ahead, so that a thread that has ended one finds the next
 * without waiting for the event loop.
 */
const AHEAD = 2;

/** How a job is to be run. */
export interface Run {
  readonly principal: string;
  /** Most members of a batch go to the pool whatever they cost: it has every core. */
  readonly batch: boolean;
  /** Whether nothing else is under way now, which the event loop would keep waiting; left out where nobody knows. */
  readonly alone?: () => boolean;
}

/** A derivation that was asked for. */
export interface Derivation {
  readonly name: KdfName;
  readonly params: KdfParams;
}

/** Parameters of HPKE with the pre-shared key as a managed one. */
export interface HpkeChoice extends Omit<HpkeParams, "psk"> {
  readonly pskKey?: OpenKey;
  readonly pskId?: Uint8Array;
}

const unsupported = (key: OpenKey, what: string): HsmError =>
  new HsmError("MECHANISM_NOT_SUPPORTED", `${key.algorithm} keys do not ${what}`);

/** Holds a key to the ways it may be used, before anything is done with it. @throws {HsmError} KEY_USAGE_FORBIDS */
function requireWay(key: OpenKey, way: (algorithm: AlgorithmName) => string): void {
  if (key.allowed === undefined) return;
  const name = way(key.algorithm);
  if (!key.allowed.includes(name)) throw notAllowed(key, name);
}

/** The same for ways that a key has only if it names them. @throws {HsmError} KEY_USAGE_FORBIDS */
function requireNamed(key: OpenKey, name: string): void {
  if (key.allowed?.includes(name) !== true) throw notAllowed(key, name);
}

const notAllowed = (key: OpenKey, name: string): HsmError =>
  new HsmError("KEY_USAGE_FORBIDS", `key '${key.keyId}' is not allowed to be used by ${name}`);

/** The one way that has the algorithm's name. */
const plainWay = (algorithm: AlgorithmName): string => algorithm;

/** Choices that make a cheap signature a costly one: what OpenSSL cannot do, and JavaScript does in its place. */
const isSlowChoice = ({ scheme, deterministic }: SignatureParams): boolean => scheme === "prehash" || deterministic === true;

export class SoftwareProvider {
  readonly #heavy: Limiter;
  /** `performance.now()` of the last signature on the event loop. */
  #inlineAt = -INTERACTIVE_MS;
  readonly #light = new Limiter(LIGHT_JOBS);
  /** Derivations that take much memory. */
  readonly #memory = new Limiter(1);
  readonly #mechanismFor: typeof mechanismFor;
  #batchItems = 0;

  /**
   * @param jobs       costly jobs at once, 1 to 64
   * @param mechanisms where mechanisms come from; a test of failing self-tests gives others, and nothing else can
   */
  constructor(jobs: number, mechanisms: typeof mechanismFor = mechanismFor) {
    this.#mechanismFor = mechanisms;
    this.#heavy = new Limiter(() => (performance.now() - this.#inlineAt < INTERACTIVE_MS ? Math.max(1, jobs - 1) : jobs * AHEAD));
  }

  /** Jobs waiting for the pool. */
  get waiting(): number {
    return this.#heavy.waiting + this.#light.waiting + this.#memory.waiting;
  }

  /** Whether jobs wait or are being done. */
  get working(): boolean {
    return this.#heavy.working || this.#light.working || this.#memory.working;
  }

  /**
   * A fresh key whose halves fit each other.
   *
   * @param sizeBytes of a secret key, one that the algorithm may have; its usual one when left out
   * @throws {HsmError} SELF_TEST_FAILED   they do not: nothing here can be trusted any more
   */
  generate(algorithm: AlgorithmName, run: Run, sizeBytes?: number): Promise<Key> {
    const mechanism = this.#mechanismFor(algorithm);
    const cheap = mechanism.cheapGeneration === true;
    // A generation may take seconds: only as many at once as there are jobs.
    return (cheap ? this.#light : this.#heavy).run(run.principal, cheap ? 1 : AHEAD, async () => {
      const key = await mechanism.generate(sizeBytes);
      if (!(await consistent(mechanism, key)))
        throw new HsmError("SELF_TEST_FAILED", `a new ${algorithm} key failed its pair-wise consistency test`);
      return key;
    });
  }

  /**
   * Returns when a key from outside is sound as far as only its use can show.
   *
   * An SLH-DSA key carries the root of its tree; whether its seeds lead there a signature shows, which takes up to a
   * second. The other mechanisms find out when they read a key.
   *
   * @throws {HsmError} INVALID_REQUEST   its halves do not fit each other
   */
  async checkImported(algorithm: AlgorithmName, key: Key, run: Run): Promise<void> {
    if (ALGORITHMS[algorithm].family !== "slh-dsa") return;
    const fits = await this.#heavy.run(run.principal, 1, () => consistent(this.#mechanismFor(algorithm), key));
    if (!fits) throw new HsmError("INVALID_REQUEST", "key material refused: the public half does not match the private half");
  }

  sign(key: OpenKey, data: Uint8Array, params: SignatureParams, run: Run): Buffer | Promise<Buffer> {
    requireWay(key, (algorithm) => signatureMechanism(algorithm, params));
    const signer = this.#signer(key, "sign");
    if (this.#inline(signer, data, params, run)) return signer.sign(key.key, data, params);
    signer.check(params);
    return this.#limiterOf(signer, params).run(run.principal, 1, () => signer.signPooled(key.key, data, params));
  }

  signDigest(key: OpenKey, digestValue: Uint8Array, params: SignatureParams, run: Run): Buffer | Promise<Buffer> {
    requireWay(key, (algorithm) => digestMechanism(algorithm, params));
    const signer = this.#signer(key, "sign");
    if (signer.signDigest === undefined) throw unsupported(key, "sign digests");
    if (this.#inline(signer, digestValue, params, run)) return signer.signDigest(key.key, digestValue, params);
    return this.#heavy.run(run.principal, 1, async () => signer.signDigest?.(key.key, digestValue, params) as Promise<Buffer>);
  }

  /** @throws {HsmError} KEY_USAGE_FORBIDS unless the key names this way; MECHANISM_NOT_SUPPORTED, MECHANISM_PARAM_INVALID */
  signRaw(key: OpenKey, data: Uint8Array, padding: RawPadding, run: Run): Promise<Buffer> {
    const signer = this.#signer(key, "sign");
    if (signer.signRaw === undefined) throw unsupported(key, "sign bytes as they are");
    requireNamed(key, rawMechanism(padding));
    return this.#heavy.run(run.principal, 1, async () => signer.signRaw?.(key.key, data, padding) as Promise<Buffer>);
  }

  verify(key: OpenKey, data: Uint8Array, signature: Uint8Array, params: SignatureParams, run: Run): boolean | Promise<boolean> {
    requireWay(key, (algorithm) => signatureMechanism(algorithm, params));
    const signer = this.#signer(key, "verify");
    const publicKey = key.publicKey;
    if (publicKey === undefined) throw unsupported(key, "verify");
    if (this.#inline(signer, data, params, run)) return signer.verify(publicKey, data, signature, params);
    signer.check(params);
    return this.#limiterOf(signer, params).run(run.principal, 1, () => signer.verifyPooled(publicKey, data, signature, params));
  }

  encrypt(key: OpenKey, plaintext: Uint8Array, params: CipherParams): { ciphertext: Buffer; nonce: Buffer } {
    requireWay(key, (algorithm) => encryptionMechanism(algorithm, params));
    return this.#cipher(key, "encrypt").encrypt(key.publicKey ?? key.key, plaintext, params);
  }

  /** As {@link encrypt}, laid out as `headBytes` zeros || nonce || ciphertext. */
  encryptBehind(key: OpenKey, plaintext: Uint8Array, params: CipherParams, headBytes: number): { bytes: Buffer; nonceBytes: number } {
    requireWay(key, (algorithm) => encryptionMechanism(algorithm, params));
    const cipher = this.#cipher(key, "encrypt");
    const used = key.publicKey ?? key.key;
    if (cipher.encryptBehind !== undefined) return cipher.encryptBehind(used, plaintext, params, headBytes);
    const { ciphertext, nonce } = cipher.encrypt(used, plaintext, params);
    const bytes = Buffer.alloc(headBytes + nonce.length + ciphertext.length);
    bytes.set(nonce, headBytes);
    bytes.set(ciphertext, headBytes + nonce.length);
    return { bytes, nonceBytes: nonce.length };
  }

  /** The caller wipes the plaintext. */
  decrypt(key: OpenKey, sealed: Ciphertext, params: CipherParams): Buffer {
    requireWay(key, (algorithm) => encryptionMechanism(algorithm, params));
    return this.#cipher(key, "decrypt").decrypt(key.key, sealed, params);
  }

  /** Whether what another key encrypted is refused; if not, it may come out as bytes that are nobody's. */
  authenticates(key: OpenKey, params: CipherParams): boolean {
    return this.#cipher(key, "decrypt").authenticates(params);
  }

  /** The caller wipes the secret. */
  encapsulate(key: OpenKey, run: Run): { ciphertext: Buffer; secret: Buffer } | Promise<{ ciphertext: Buffer; secret: Buffer }> {
    requireWay(key, plainWay);
    return this.#encapsulate(key, run);
  }

  #encapsulate(key: OpenKey, run: Run): { ciphertext: Buffer; secret: Buffer } | Promise<{ ciphertext: Buffer; secret: Buffer }> {
    const kem = this.#kem(key, "encapsulate");
    const publicKey = key.publicKey;
    if (publicKey === undefined) throw unsupported(key, "encapsulate");
    if (kem.cost === "inline") return kem.encapsulate(publicKey);
    return this.#heavy.run(run.principal, 1, () => kem.encapsulatePooled(publicKey));
  }

  /** The caller wipes the secret. */
  decapsulate(key: OpenKey, ciphertext: Uint8Array, run: Run): Buffer | Promise<Buffer> {
    requireWay(key, plainWay);
    return this.#decapsulate(key, ciphertext, run);
  }

  #decapsulate(key: OpenKey, ciphertext: Uint8Array, run: Run): Buffer | Promise<Buffer> {
    const kem = this.#kem(key, "decapsulate");
    if (kem.cost === "inline") return kem.decapsulate(key.key, ciphertext);
    return this.#heavy.run(run.principal, 1, () => kem.decapsulatePooled(key.key, ciphertext));
  }

  /** The shared secret Z with the holder of `peerKey`, in any form a peer key has. The caller wipes it. */
  agree(key: OpenKey, peerKey: Uint8Array, run: Run): Buffer | Promise<Buffer> {
    requireWay(key, plainWay);
    const agreer = key.mechanism.agreer;
    if (agreer === undefined) throw unsupported(key, "agree with a peer");
    const peer = agreer.peer(peerKey);
    if (agreer.cost === "inline") return agreer.agree(key.key, peer);
    return this.#heavy.run(run.principal, 1, () => agreer.agreePooled(key.key, peer));
  }

  /** What a derivation makes of a secret. The caller wipes both. @throws {HsmError} MECHANISM_PARAM_INVALID */
  async derive(secret: Uint8Array, derivation: Derivation, sizeBytes: number, run: Run): Promise<Buffer> {
    const kdf = kdfs[derivation.name];
    kdf.check(derivation.params, secret.byteLength, sizeBytes);
    const make = async (): Promise<Buffer> => kdf.derive(secret, derivation.params, sizeBytes);
    if (kdf.cost === "inline") return make();
    // One at a time: such a derivation may take all the memory there is for it.
    if (kdf.cost === "memory") return this.#memory.run(run.principal, 1, () => this.#heavy.run(run.principal, 1, make));
    return this.#heavy.run(run.principal, 1, make);
  }

  /** The same from the bytes of a managed secret. The caller wipes the result. */
  async deriveFrom(key: OpenKey, derivation: Derivation, sizeBytes: number, run: Run): Promise<Buffer> {
    requireWay(key, () => derivation.name);
    const { deriver } = key.mechanism;
    if (deriver === undefined) throw unsupported(key, "derive further keys");
    const secret = deriver.secretOf(key.key);
    try {
      return await this.derive(secret, derivation, sizeBytes, run);
    } finally {
      wipe(secret);
    }
  }

  /** @throws {HsmError} MECHANISM_NOT_SUPPORTED, MECHANISM_PARAM_INVALID */
  async hpkeSeal(
    key: OpenKey,
    plaintext: Uint8Array,
    choice: HpkeChoice,
    run: Run,
  ): Promise<{ encapsulatedKey: Buffer; ciphertext: Buffer }> {
    requireWay(key, () => HPKE);
    return withPsk(choice, async (params) => {
      checkHpke(key.algorithm, params);
      const { ciphertext: encapsulatedKey, secret } = await this.#encapsulate(key, run);
      try {
        return { encapsulatedKey, ciphertext: sealHpke(key.algorithm, secret, plaintext, params) };
      } finally {
        wipe(secret);
      }
    });
  }

  /**
   * The caller wipes the plaintext. Without an encapsulated key the ciphertext begins with it.
   *
   * @throws {HsmError} DECRYPTION_FAILED for everything that is wrong with the message; MECHANISM_NOT_SUPPORTED,
   *   MECHANISM_PARAM_INVALID for the rest
   */
  async hpkeOpen(
    key: OpenKey,
    sealed: { readonly encapsulatedKey: Uint8Array; readonly ciphertext: Uint8Array },
    choice: HpkeChoice,
    run: Run,
  ): Promise<Buffer> {
    requireWay(key, () => HPKE);
    return withPsk(choice, async (params) => {
      checkHpke(key.algorithm, params);
      const { ciphertextBytes } = this.#kem(key, "receive HPKE messages");
      const joined = sealed.encapsulatedKey.length === 0;
      const encapsulatedKey = joined ? sealed.ciphertext.subarray(0, ciphertextBytes) : sealed.encapsulatedKey;
      const ciphertext = joined ? sealed.ciphertext.subarray(ciphertextBytes) : sealed.ciphertext;
      const secret = await this.#decapsulated(key, encapsulatedKey, run);
      try {
        return openHpke(key.algorithm, secret, ciphertext, params);
      } finally {
        wipe(secret);
      }
    });
  }

  /** As {@link decapsulate}; an encapsulated key that is none is a message that does not open. */
  async #decapsulated(key: OpenKey, encapsulatedKey: Uint8Array, run: Run): Promise<Buffer> {
    try {
      return await this.#decapsulate(key, encapsulatedKey, run);
    } catch (error) {
      if (error instanceof HsmError && error.code === "MECHANISM_PARAM_INVALID") throw decryptionFailed();
      throw error;
    }
  }

  mac(key: OpenKey, data: Uint8Array, params: MacParams): { mac: Buffer; nonce: Buffer } {
    requireWay(key, (algorithm) => macMechanism(algorithm, params));
    return this.#macer(key).mac(key.key, data, params);
  }

  verifyMac(key: OpenKey, data: Uint8Array, mac: Uint8Array, params: MacParams): boolean {
    requireWay(key, (algorithm) => macMechanism(algorithm, params));
    return this.#macer(key).verify(key.key, data, mac, params);
  }

  /** Key material, encrypted under `key`. */
  wrap(key: OpenKey, material: Uint8Array, params: WrapParams): Buffer {
    requireWay(key, (algorithm) => wrappingMechanism(algorithm, params));
    return this.#wrapper(key).wrap(key.publicKey ?? key.key, material, params);
  }

  /** Key material, encrypted for the holder of a public key (PEM). */
  wrapFor(publicKeyPem: string, material: Uint8Array, params: WrapParams): ForRecipient {
    return wrapForRecipient(publicKeyPem, material, params);
  }

  /** The material behind `wrapped`; the caller wipes it. */
  unwrap(key: OpenKey, wrapped: Uint8Array, params: WrapParams): Buffer {
    requireWay(key, (algorithm) => wrappingMechanism(algorithm, params));
    return this.#wrapper(key).unwrap(key.key, wrapped, params);
  }

  #limiterOf(signer: Signer<Key>, params: SignatureParams): Limiter {
    return signer.cost === "inline" && !isSlowChoice(params) ? this.#light : this.#heavy;
  }

  /** Whether a signature is made on the event loop. */
  #inline(signer: Signer<Key>, data: Uint8Array, params: SignatureParams, run: Run): boolean {
    if (data.length > INLINE_BYTES || isSlowChoice(params)) return false;
    if (signer.cost === "brief") return run.alone?.() === true;
    if (signer.cost !== "inline") return false;
    if (!run.batch) {
      this.#inlineAt = performance.now();
      return true;
    }
    this.#batchItems = (this.#batchItems + 1) % INLINE_EVERY;
    return this.#batchItems === 0;
  }

  #signer(key: OpenKey, what: string): Signer<Key> {
    if (key.mechanism.signer === undefined) throw unsupported(key, what);
    return key.mechanism.signer;
  }

  #cipher(key: OpenKey, what: string): Cipher<Key> {
    if (key.mechanism.cipher === undefined) throw unsupported(key, what);
    return key.mechanism.cipher;
  }

  #kem(key: OpenKey, what: string): Kem<Key> {
    if (key.mechanism.kem === undefined) throw unsupported(key, what);
    return key.mechanism.kem;
  }

  #wrapper(key: OpenKey): Wrapper<Key> {
    if (key.mechanism.wrapper === undefined) throw unsupported(key, "wrap keys");
    return key.mechanism.wrapper;
  }

  #macer(key: OpenKey): Macer<Key> {
    if (key.mechanism.macer === undefined) throw unsupported(key, "compute MACs");
    return key.mechanism.macer;
  }
}

/** Does `use` with the bytes of the pre-shared key, which are wiped afterwards. */
async function withPsk<T>({ pskKey, pskId, ...params }: HpkeChoice, use: (params: HpkeParams) => Promise<T>): Promise<T> {
  if (pskKey === undefined) return use(params);
  requireWay(pskKey, () => HPKE_PSK);
  const { deriver } = pskKey.mechanism;
  if (deriver === undefined) throw unsupported(pskKey, "serve as a pre-shared key");
  const secret = deriver.secretOf(pskKey.key);
  try {
    return await use({ ...params, psk: { secret, id: pskId ?? new Uint8Array(0) } });
  } finally {
    wipe(secret);
  }
}
