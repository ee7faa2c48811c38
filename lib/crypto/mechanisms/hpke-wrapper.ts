/**
 * Wrapping keys with HPKE: base mode, empty info, empty additional data, AES-256-GCM, and the KDF of the key's own
 * encapsulation.
 *
 *      encapsulated key (`enc`) || ciphertext || tag (16 bytes)
 *
 * Each wrapping encapsulates anew. A key that unwraps opens no other message: the vault gives one of the two usages, never
 * both. This file must never say why something does not unwrap.
 *
 * @see RFC 9180 §5.1.1, §6.1
 */
import type { KeyObject } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import { openHpke, sealHpke, type HpkeParams } from "../hpke.ts";
import type { Kem, WrapParams, Wrapper } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { takesNoMode } from "./one-mode.ts";
import { paramInvalid, unwrapFailed } from "./refusals.ts";

const NOTHING = new Uint8Array(0);
const PARAMS: HpkeParams = Object.freeze({ info: NOTHING, additionalData: NOTHING });

function check({ scheme, digest, additionalData, ...more }: WrapParams): void {
  takesNoMode(more);
  if (scheme !== undefined && scheme !== "hpke") throw paramInvalid("this key wraps by hpke");
  if (digest !== undefined || additionalData !== undefined) throw paramInvalid("HPKE takes no digest and no additional data here");
}

/** The {@link Wrapper} of keys that receive HPKE messages. To wrap takes the public half, to unwrap the private one. */
export const hpkeWrapper = (algorithm: AlgorithmName, kem: Kem): Wrapper =>
  Object.freeze<Wrapper>({
    cost: kem.cost,
    check,
    wrap(key: KeyObject, material, params) {
      check(params);
      if (material.byteLength === 0) throw paramInvalid("there is nothing to wrap");
      const { ciphertext, secret } = kem.encapsulate(key);
      try {
        return Buffer.concat([ciphertext, sealHpke(algorithm, secret, material, PARAMS)]);
      } finally {
        wipe(secret);
      }
    },
    unwrap(key: KeyObject, wrapped, params) {
      check(params);
      let secret: Buffer | undefined;
      try {
        secret = kem.decapsulate(key, wrapped.subarray(0, kem.ciphertextBytes));
        const material = openHpke(algorithm, secret, wrapped.subarray(kem.ciphertextBytes), PARAMS);
        if (material.byteLength > 0) return material;
      } catch {
        // Told below: too short, no point of the curve, another key, a changed byte.
      } finally {
        wipe(secret);
      }
      throw unwrapFailed();
    },
  });
