/**
 * The permission that a word about `trusted` needs: declaring a key trusted, when it is made or afterwards, and taking
 * that back, is for other people than those who use keys (PKCS#11: the security officer).
 */
import type { KeyAttributes } from "./generated/hsm/hsm_pb.ts";
import type { Permission } from "./permissions.ts";

const TRUST: readonly Permission[] = Object.freeze(["key:trust"]);
const NONE: readonly Permission[] = Object.freeze([]);

/** The further permission of a request that writes these attributes. @param made the key is new: then false says nothing */
export const trustDemand = (attributes: KeyAttributes | undefined, made: boolean): readonly Permission[] =>
  attributes?.trusted === undefined || (made && !attributes.trusted) ? NONE : TRUST;
