/**
 * How long a message authentication code is: full length, or as short as its specification lets a caller ask for.
 *
 * A shorter code is easier to guess, so nothing here shortens one by itself: to verify, the length must be asked for
 * again. This file must never compare codes except in constant time.
 *
 * @see RFC 2104 §5 (HMAC); SP 800-38B App. A (CMAC); SP 800-38D §5.2.1.2 (GMAC); SP 800-185 §8.4.2 (KMAC)
 */
import { timingSafeEqual } from "node:crypto";
import { paramInvalid } from "./refusals.ts";

/** The lengths a MAC may have, in bytes. */
export interface TagLengths {
  /** For people, in refusals. */
  readonly name: string;
  readonly shortest: number;
  readonly longest: number;
  /** When none is asked for. */
  readonly usual: number;
}

/** The length to make, in bytes. @throws {HsmError} MECHANISM_PARAM_INVALID   the specification does not allow `asked` */
export function tagLength({ name, shortest, longest, usual }: TagLengths, asked: number | undefined): number {
  if (asked === undefined) return usual;
  if (!Number.isInteger(asked) || asked < shortest || asked > longest)
    throw paramInvalid(`a code of ${name} has ${shortest} to ${longest} bytes`);
  return asked;
}

/** Whether the two codes are the same. Only the length may show in the time it takes. */
export const sameTag = (computed: Uint8Array, given: Uint8Array): boolean =>
  computed.byteLength === given.byteLength && timingSafeEqual(computed, given);
