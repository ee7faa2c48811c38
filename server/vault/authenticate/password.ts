/**
 * Passwords as they are kept: Argon2id, with the parameters beside the result so that they can be raised later.
 *
 *      u8 1 | u32 memory KiB | u8 passes | u8 lanes | 16 bytes salt | 32 bytes tag
 *
 * Sealed like every record, besides. A name without a password costs the same time as one with: it is compared with a
 * stand-in that nothing matches. Nothing here keeps a password; whoever has it wipes it.
 *
 * @see RFC 9106 §4, OWASP Password Storage Cheat Sheet
 */
import { timingSafeEqual } from "node:crypto";
import { fillRandom } from "@keystead/crypto/random";
import { secretBuffer, wipe } from "@keystead/crypto/wipe";

/** Parameters of one hash. */
export interface Argon2Params {
  readonly memoryKib: number;
  readonly iterations: number;
  readonly parallelism: number;
  readonly salt: Uint8Array;
}

/** Runs Argon2id where it belongs, which is not the event loop; the caller wipes the result. */
export type Argon2 = (secret: Uint8Array, params: Argon2Params, sizeBytes: number) => Promise<Buffer>;

/**
 * Half the memory of RFC 9106's second choice and one pass more: a block of 64 MiB needs half of the secure heap free in
 * one piece, and logins must not fail because private keys lie there.
 */
export const PASSWORD_PARAMS = Object.freeze({ memoryKib: 32 * 1024, iterations: 4, parallelism: 4 });

const VERSION = 1;
const SALT_BYTES = 16;
const TAG_BYTES = 32;
const HEAD_BYTES = 7;
/** Bytes of a kept password. */
export const PASSWORD_RECORD_BYTES = HEAD_BYTES + SALT_BYTES + TAG_BYTES;

/** What is kept of a password; the caller wipes it. */
export async function hashPassword(password: Uint8Array, argon2: Argon2): Promise<Buffer> {
  const record = secretBuffer(PASSWORD_RECORD_BYTES);
  record[0] = VERSION;
  record.writeUInt32BE(PASSWORD_PARAMS.memoryKib, 1);
  record[5] = PASSWORD_PARAMS.iterations;
  record[6] = PASSWORD_PARAMS.parallelism;
  fillRandom(record.subarray(HEAD_BYTES, HEAD_BYTES + SALT_BYTES));
  const tag = await argon2(password, paramsOf(record), TAG_BYTES);
  record.set(tag, HEAD_BYTES + SALT_BYTES);
  wipe(tag);
  return record;
}

/** For names without a password: as much work, and never a match. */
const STAND_IN = ((): Buffer => {
  const record = Buffer.alloc(PASSWORD_RECORD_BYTES);
  record[0] = VERSION;
  record.writeUInt32BE(PASSWORD_PARAMS.memoryKib, 1);
  record[5] = PASSWORD_PARAMS.iterations;
  record[6] = PASSWORD_PARAMS.parallelism;
  fillRandom(record.subarray(HEAD_BYTES));
  return record;
})();

/** Whether this is the password behind a record. Without a record: no, after the same work. */
export async function passwordMatches(password: Uint8Array, record: Uint8Array | undefined, argon2: Argon2): Promise<boolean> {
  const known = record?.length === PASSWORD_RECORD_BYTES && record[0] === VERSION;
  const kept = Buffer.from(known ? (record as Uint8Array) : STAND_IN);
  const tag = await argon2(password, paramsOf(kept), TAG_BYTES);
  try {
    return timingSafeEqual(tag, kept.subarray(HEAD_BYTES + SALT_BYTES)) && known;
  } finally {
    wipe(tag, kept);
  }
}

const paramsOf = (record: Buffer): Argon2Params => ({
  memoryKib: record.readUInt32BE(1),
  iterations: record[5] as number,
  parallelism: record[6] as number,
  salt: Buffer.from(record.subarray(HEAD_BYTES, HEAD_BYTES + SALT_BYTES)),
});
