/**
 * The software provider: mechanisms of lib/crypto, run where they belong.
 *
 * What takes under about 50 microseconds runs on the event loop; RSA, P-384, P-521, key generation, large messages and
 * members of a batch go to the thread pool behind one {@link Limiter}.
 *
 * @see MEASURED (thread pool), DESIGN §9
 */
import type { KeyObject } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import type { Cipher, CipherParams, Ciphertext, Macer, SignatureParams, Signer } from "@keystead/crypto/mechanism";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import type { OpenKey } from "../objects/objects.ts";
import { Limiter } from "./limiter.ts";

/** Messages above this are hashed on the pool, in bytes. */
const INLINE_BYTES = 16 * 1024;
const HEAVY = 4;
const LIGHT = 1;

/** How a job is to be run. */
export interface Run {
  readonly principal: string;
  /** Members of a batch go to the pool whatever they cost: it has every core. */
  readonly batch: boolean;
}

const unsupported = (key: OpenKey, what: string): HsmError => new HsmError("MECHANISM_NOT_SUPPORTED", `${key.algorithm} keys do not ${what}`);

export class SoftwareProvider {
  readonly #limiter: Limiter;

  /** @param jobs heavy jobs at once, 1 to 64 */
  constructor(jobs: number) {
    this.#limiter = new Limiter(jobs * HEAVY);
  }

  /** Jobs waiting for the pool. */
  get waiting(): number {
    return this.#limiter.waiting;
  }

  generate(algorithm: AlgorithmName, run: Run): Promise<KeyObject> {
    return this.#limiter.run(run.principal, HEAVY, () => mechanismFor(algorithm).generate());
  }

  sign(key: OpenKey, data: Uint8Array, params: SignatureParams, run: Run): Buffer | Promise<Buffer> {
    const signer = this.#signer(key, "sign");
    if (signer.cost === "inline" && !run.batch && data.length <= INLINE_BYTES) return signer.sign(key.key, data, params);
    signer.check(params);
    return this.#limiter.run(run.principal, signer.cost === "inline" ? LIGHT : HEAVY, () => signer.signPooled(key.key, data, params));
  }

  verify(key: OpenKey, data: Uint8Array, signature: Uint8Array, params: SignatureParams, run: Run): boolean | Promise<boolean> {
    const signer = this.#signer(key, "verify");
    const publicKey = key.publicKey;
    if (publicKey === undefined) throw unsupported(key, "verify");
    if (signer.cost === "inline" && !run.batch && data.length <= INLINE_BYTES) return signer.verify(publicKey, data, signature, params);
    signer.check(params);
    return this.#limiter.run(run.principal, signer.cost === "inline" ? LIGHT : HEAVY, () => signer.verifyPooled(publicKey, data, signature, params));
  }

  encrypt(key: OpenKey, plaintext: Uint8Array, params: CipherParams): { ciphertext: Buffer; nonce: Buffer } {
    return this.#cipher(key, "encrypt").encrypt(key.publicKey ?? key.key, plaintext, params);
  }

  /** The caller wipes the plaintext. */
  decrypt(key: OpenKey, sealed: Ciphertext, params: CipherParams): Buffer {
    return this.#cipher(key, "decrypt").decrypt(key.key, sealed, params);
  }

  mac(key: OpenKey, data: Uint8Array): Buffer {
    return this.#macer(key).mac(key.key, data);
  }

  verifyMac(key: OpenKey, data: Uint8Array, mac: Uint8Array): boolean {
    return this.#macer(key).verify(key.key, data, mac);
  }

  #signer(key: OpenKey, what: string): Signer {
    if (key.mechanism.signer === undefined) throw unsupported(key, what);
    return key.mechanism.signer;
  }

  #cipher(key: OpenKey, what: string): Cipher {
    if (key.mechanism.cipher === undefined) throw unsupported(key, what);
    return key.mechanism.cipher;
  }

  #macer(key: OpenKey): Macer {
    if (key.mechanism.macer === undefined) throw unsupported(key, "compute MACs");
    return key.mechanism.macer;
  }
}
