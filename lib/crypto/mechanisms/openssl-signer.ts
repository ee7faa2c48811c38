/**
 * A {@link Signer} over OpenSSL's one-shot sign and verify.
 *
 * A mechanism says, per parameters, which hash and which options OpenSSL gets; everything else is the same for all of
 * them. This file must never choose an algorithm: what it does not get from the plan it does not do.
 */
import { sign, verify, type KeyObject } from "node:crypto";
import type { SigningCost, SignatureParams, Signer } from "../mechanism.ts";

/** What OpenSSL is told: the hash (null where the algorithm has its own) and the options beside the key. */
export interface SigningPlan {
  readonly hash: string | null;
  readonly options?: {
    readonly padding?: number;
    readonly saltLength?: number;
    readonly dsaEncoding?: "der" | "ieee-p1363";
    readonly context?: Uint8Array;
  };
}

/**
 * A signer that follows `plan`.
 *
 * @param plan checks the parameters and returns what to tell OpenSSL; throws MECHANISM_PARAM_INVALID
 */
export function opensslSigner(cost: SigningCost, plan: (params: SignatureParams) => SigningPlan): Signer {
  const keyed = (key: KeyObject, { options }: SigningPlan) => (options === undefined ? key : { key, ...options });
  return Object.freeze<Signer>({
    cost,
    check: (params) => void plan(params),
    sign(key, data, params) {
      const chosen = plan(params);
      return sign(chosen.hash, data, keyed(key, chosen));
    },
    async signPooled(key, data, params) {
      const chosen = plan(params);
      return new Promise((resolve, reject) => {
        sign(chosen.hash, data, keyed(key, chosen), (error, signature) => (error ? reject(error) : resolve(signature)));
      });
    },
    verify(publicKey, data, signature, params) {
      const chosen = plan(params);
      return verify(chosen.hash, data, keyed(publicKey, chosen), signature);
    },
    async verifyPooled(publicKey, data, signature, params) {
      const chosen = plan(params);
      return new Promise((resolve, reject) => {
        verify(chosen.hash, data, keyed(publicKey, chosen), signature, (error, valid) => (error ? reject(error) : resolve(valid)));
      });
    },
  });
}
