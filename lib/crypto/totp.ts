/**
 * Time-based one-time codes, as authenticator apps make them.
 *
 * A code is six digits, so whoever checks one must count failures and must not take a time step twice; this file only
 * computes. SHA-1 is what every app speaks, and what it needs of it (a keyed function nobody can predict) still holds.
 *
 * @see RFC 6238; RFC 4226 §5.3; RFC 4648 §6
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { wipe } from "./wipe.ts";

export const TOTP_STEP_SECONDS = 30;
/** RFC 4226 §4: 160 bits are recommended. */
export const TOTP_SECRET_BYTES = 20;
/** Steps that a clock may be ahead or behind (RFC 6238 §5.2). */
const DRIFT = 1;

export type TotpDigest = "sha1" | "sha256" | "sha512";

/** The time step of a moment. @param now milliseconds since the epoch */
export const totpStep = (now: number): number => Math.floor(now / (TOTP_STEP_SECONDS * 1000));

/** The code of a time step, with leading zeros. */
export function totpCode(secret: Uint8Array, step: number, digits = 6, digest: TotpDigest = "sha1"): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac(digest, secret).update(counter).digest();
  const offset = (mac[mac.length - 1] as number) & 15;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  wipe(mac);
  return String(number % 10 ** digits).padStart(digits, "0");
}

/**
 * The time step whose code this is, among those that the present allows and that come after `lastStep`; undefined for
 * none. All of them are compared, in constant time, whatever matches.
 *
 * @param lastStep the step of the last code that was taken, -1 for none: a code that was taken is worth nothing more
 */
export function matchingStep(secret: Uint8Array, code: string, now: number, lastStep: number): number | undefined {
  const present = totpStep(now);
  const given = Buffer.from(code.padEnd(6, "x").slice(0, 6), "latin1");
  let found: number | undefined;
  for (let step = present - DRIFT; step <= present + DRIFT; step += 1) {
    const equal = timingSafeEqual(given, Buffer.from(totpCode(secret, Math.max(0, step)), "latin1"));
    if (equal && step > lastStep) found ??= step;
  }
  return code.length === 6 ? found : undefined;
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648 §6 without padding, as people type it into their apps. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32[(held >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + BASE32[(held << (5 - bits)) & 31];
}

/** What an app reads from a picture or a link. @see https://github.com/google/google-authenticator/wiki/Key-Uri-Format */
export function totpUri(secret: Uint8Array, issuer: string, account: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  return `otpauth://totp/${label}?secret=${base32(secret)}&issuer=${encodeURIComponent(issuer)}&algorithm=SHA1&digits=6&period=${TOTP_STEP_SECONDS}`;
}
