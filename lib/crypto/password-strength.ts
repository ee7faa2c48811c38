/**
 * How strong a password or passphrase must be. It is judged as bytes and never told.
 *
 * @see NIST SP 800-63B §3.1.1 (length above all); the mixing of kinds is what operators of older systems ask for
 */
import { HsmError } from "@keystead/contract/errors";

export interface StrengthRules {
  /** In characters. */
  readonly minLength: number;
  /** At least three of: lower case, upper case, digits, others; or 20 characters and more. */
  readonly strong: boolean;
}

/** @throws {HsmError} INVALID_REQUEST saying what is missing, never showing it */
export function requireStrength(secret: Uint8Array, rules: StrengthRules, what: "passphrase" | "password" | "PIN"): void {
  let length = 0;
  const kinds = new Set<string>();
  for (const byte of secret) {
    if ((byte & 0xc0) !== 0x80) length += 1;
    kinds.add(byte >= 97 && byte <= 122 ? "lower" : byte >= 65 && byte <= 90 ? "upper" : byte >= 48 && byte <= 57 ? "digit" : "other");
  }
  if (length < rules.minLength)
    throw new HsmError(
      "INVALID_REQUEST",
      `the ${what} must have ${rules.minLength} characters or more${what === "PIN" ? "" : " (security.min_password_length)"}`,
    );
  if (rules.strong && length < 20 && kinds.size < 3)
    throw new HsmError(
      "INVALID_REQUEST",
      `the ${what} must mix three of lower case, upper case, digits and others, or have 20 characters (security.require_strong_passwords)`,
    );
}
