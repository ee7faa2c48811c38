/**
 * The nonce, IV, counter block or tweak of one encryption.
 *
 * It is drawn here unless a caller brought its own, which the vault lets it do only with a permission for that: under
 * most modes one nonce used twice gives away what it protected, and under GCM and Poly1305 the key that authenticates.
 * This file must never make one up from anything but the random generator.
 *
 * @see NIST SP 800-38D §8 (uniqueness), SP 800-38A App. B and C
 */
import { fillRandom } from "../random.ts";
import { paramInvalid } from "./refusals.ts";

/**
 * `chosen`, copied, or `sizeBytes` random bytes when nothing was chosen.
 *
 * @throws {HsmError} MECHANISM_PARAM_INVALID   `chosen` has another size
 */
export function nonceFor(chosen: Uint8Array | undefined, sizeBytes: number): Buffer {
  const nonce = Buffer.allocUnsafeSlow(sizeBytes);
  if (chosen === undefined) return fillRandom(nonce);
  if (chosen.byteLength !== sizeBytes) throw paramInvalid(`the nonce must be ${sizeBytes} bytes`);
  nonce.set(chosen);
  return nonce;
}
