/**
 * The secret part of a user: the kept password and the secret of the authenticator app, as one sealed material.
 *
 *      u8 1 | u8 n, password record | u8 n, app secret
 *
 * Whoever reads it wipes it.
 */
import { HsmError } from "@keystead/contract/errors";
import { copySecret, secretBuffer, wipe } from "@keystead/crypto/wipe";

export interface UserSecrets {
  /** What {@link hashPassword} made, or empty. */
  readonly password: Buffer;
  /** Empty without an app. */
  readonly totp: Buffer;
}

const VERSION = 1;

/** The caller wipes it. */
export function encodeUserSecrets({ password, totp }: UserSecrets): Buffer {
  const bytes = secretBuffer(3 + password.length + totp.length);
  bytes[0] = VERSION;
  bytes[1] = password.length;
  bytes.set(password, 2);
  bytes[2 + password.length] = totp.length;
  bytes.set(totp, 3 + password.length);
  return bytes;
}

/** Wipes its input; the caller wipes the parts. @throws {HsmError} INTEGRITY_FAILURE */
export function decodeUserSecrets(bytes: Buffer): UserSecrets {
  try {
    if (bytes.length === 0) return { password: Buffer.alloc(0), totp: Buffer.alloc(0) };
    const passwordBytes = bytes[1] ?? 0;
    const totpBytes = bytes[2 + passwordBytes] ?? 0;
    if (bytes[0] !== VERSION || bytes.length !== 3 + passwordBytes + totpBytes)
      throw new HsmError("INTEGRITY_FAILURE", "the secrets of a user are not as they were written");
    return { password: copySecret(bytes.subarray(2, 2 + passwordBytes)), totp: copySecret(bytes.subarray(3 + passwordBytes)) };
  } finally {
    wipe(bytes);
  }
}

export const wipeUserSecrets = (secrets: UserSecrets | undefined): void => wipe(secrets?.password, secrets?.totp);
