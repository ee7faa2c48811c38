/**
 * A Grant: the only thing that opens a key.
 *
 * Issued by authorize/ after every rule said yes, consumed by objects/ exactly once. It names who, what, which object
 * and which namespace; nothing else in the vault can make one (test/architecture holds the two importers). A leaf:
 * this file imports nothing of the vault.
 */
import { HsmError } from "@keystead/contract/errors";
import type { KeyUse } from "@keystead/contract/operation";

export interface GrantFields {
  readonly principal: string;
  readonly operation: string;
  readonly namespace: string;
  readonly keyId: string;
  /** The use of the key that was decided on. */
  readonly usage: KeyUse;
  /** The principal holds `key:use_revoked`. */
  readonly mayUseRevoked?: boolean;
  /** Who asks has just proven once more who they are, for this request alone. */
  readonly reauthenticated?: boolean;
  /** How much data the use is about; 0 when left out. */
  readonly bytes?: number;
}

/** Opaque outside this file: fields to read, no way to build one. */
export interface Grant extends GrantFields {
  readonly brand: typeof BRAND;
}

const BRAND = Symbol("grant");
const live = new WeakSet<Grant>();
/** What was revoked or compromised and opened nevertheless: which of the two, by its grant. */
const uncommon = new WeakMap<GrantFields, string>();

/** Only authorize/ may call this. */
export function issueGrant(fields: GrantFields): Grant {
  const grant: Grant = Object.freeze({ ...fields, brand: BRAND });
  live.add(grant);
  return grant;
}

/**
 * Only objects/ may call this. The grant is worthless afterwards.
 *
 * @throws {HsmError} PERMISSION_DENIED when the grant was used before or was never issued.
 */
export function consumeGrant(grant: Grant): GrantFields {
  if (!live.delete(grant)) throw new HsmError("PERMISSION_DENIED", "this grant does not open anything");
  return grant;
}

/** Only objects/ may call this: the grant opened something revoked or compromised, which its audit event must say. */
export function noteUncommonUse(grant: GrantFields, state: string): void {
  uncommon.set(grant, state);
}

/** The uncommon state of what the grant opened, or undefined. */
export const uncommonUse = (grant: Grant | undefined): string | undefined => (grant === undefined ? undefined : uncommon.get(grant));
