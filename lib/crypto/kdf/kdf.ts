/**
 * Key derivation: what one function is, and what all of them check alike.
 *
 * A derivation gives the same bytes for the same secret, parameters and length, in every version of this program. This
 * file must never keep a secret or what was derived from it: both belong to the caller, who wipes them.
 */
import { KDFS, type KdfName, type KdfParameter } from "@keystead/contract/kdfs";
import type { DigestName } from "@keystead/contract/algorithms";
import { paramInvalid } from "../mechanisms/refusals.ts";

/** What a derivation may choose. Absent means the function's default. */
export interface KdfParams {
  readonly digest?: DigestName;
  readonly salt?: Uint8Array;
  readonly info?: Uint8Array;
  readonly label?: Uint8Array;
  readonly context?: Uint8Array;
  /** SP 800-108, where a mode does without its counter. */
  readonly withoutCounter?: boolean;
  /** Iterations of PBKDF2, passes of Argon2id. */
  readonly iterations?: number;
  readonly memoryKib?: number;
  /** Lanes of Argon2id, p of scrypt. */
  readonly parallelism?: number;
  /** N of scrypt. */
  readonly cost?: number;
  /** r of scrypt. */
  readonly blockSize?: number;
}

/** One function. */
export interface Kdf {
  /**
   * Where it runs: on the event loop, on the thread pool, or on the pool with nothing else that takes as much memory.
   */
  readonly cost: "inline" | "pool" | "memory";
  /**
   * Returns if it can be asked for this with a secret of that length.
   * @throws {HsmError} MECHANISM_PARAM_INVALID
   */
  check(params: KdfParams, secretBytes: number, sizeBytes: number): void;
  /** The derived bytes, on memory of their own; the caller wipes them. Bounds are not looked at again. */
  derive(secret: Uint8Array, params: KdfParams, sizeBytes: number): Buffer | Promise<Buffer>;
}

/** SP 800-131A: nothing weaker than 112 bits keeps anything secret. */
export const MIN_KEY_BYTES = 14;
export const MIN_SALT_BYTES = 16;

/** @throws {HsmError} MECHANISM_PARAM_INVALID for a parameter that the function does not read */
export function refuseUnread(name: KdfName, params: KdfParams): void {
  const reads: readonly KdfParameter[] = KDFS[name].reads;
  const unread = (Object.keys(params) as KdfParameter[]).find((parameter) => params[parameter] !== undefined && !reads.includes(parameter));
  if (unread !== undefined) throw paramInvalid(`${name} takes no ${unread}; it takes ${reads.join(", ")}`);
}

/** @throws {HsmError} MECHANISM_PARAM_INVALID */
export function checkKeyBytes(name: KdfName, secretBytes: number): void {
  if (secretBytes < MIN_KEY_BYTES)
    throw paramInvalid(`${name} derives from a secret of ${MIN_KEY_BYTES} bytes and more; a password needs PBKDF2, scrypt or Argon2id`);
}

/** @throws {HsmError} MECHANISM_PARAM_INVALID */
export function checkSalt(name: KdfName, { salt }: KdfParams): void {
  if (salt === undefined || salt.byteLength < MIN_SALT_BYTES)
    throw paramInvalid(`${name} needs a salt of ${MIN_SALT_BYTES} bytes and more`);
}

export const NOTHING: Uint8Array = new Uint8Array(0);

/** A 32-bit big-endian number. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
