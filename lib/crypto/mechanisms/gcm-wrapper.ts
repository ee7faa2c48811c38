/**
 * Wrapping keys with AES-GCM: nonce (12 random bytes) || ciphertext || tag (16 bytes). Additional data is authenticated with it, where a
 * caller names some, and stands nowhere in it.
 *
 * A key that wraps does not encrypt: the vault gives one of the two usages, never both, so that nobody can open a
 * wrapped key with Decrypt.
 *
 * @see NIST SP 800-38F §3.1 (approved modes for key wrapping); SP 800-38D; PKCS#11 3.1 CKM_AES_GCM
 */
import type { KeyObject } from "node:crypto";
import type { WrapParams, Wrapper } from "../mechanism.ts";
import { GCM_NONCE_BYTES, GCM_TAG_BYTES, openWithNonce, sealWithNonce, type GcmName } from "./gcm-nonce.ts";
import { nonceFor } from "./nonce.ts";
import { takesNoMode } from "./one-mode.ts";
import { paramInvalid, unwrapFailed } from "./refusals.ts";

const NO_DATA = new Uint8Array(0);

function check({ scheme, digest, ...more }: WrapParams): void {
  takesNoMode(more);
  if (scheme !== undefined || digest !== undefined) throw paramInvalid("AES-GCM wraps with additional data and without other parameters");
}

/** The {@link Wrapper} of AES-GCM keys of one size. */
export const gcmWrapper = (name: GcmName): Wrapper =>
  Object.freeze<Wrapper>({
    cost: "inline",
    check,
    wrap(key: KeyObject, material, params) {
      check(params);
      if (material.byteLength === 0) throw paramInvalid("there is nothing to wrap");
      const nonce = nonceFor(undefined, GCM_NONCE_BYTES);
      return Buffer.concat([nonce, sealWithNonce(name, key, nonce, material, params.additionalData ?? NO_DATA)]);
    },
    unwrap(key: KeyObject, wrapped, params) {
      check(params);
      if (wrapped.byteLength <= GCM_NONCE_BYTES + GCM_TAG_BYTES) throw unwrapFailed();
      try {
        const [nonce, sealed] = [wrapped.subarray(0, GCM_NONCE_BYTES), wrapped.subarray(GCM_NONCE_BYTES)];
        return openWithNonce(name, key, nonce, sealed, params.additionalData ?? NO_DATA);
      } catch {
        throw unwrapFailed();
      }
    },
  });
