import { HsmError } from "@keystead/contract/errors";
import { agreeKey as operation } from "@keystead/contract/operations/agree-key";
import { grantOf, handler } from "./handler.ts";
import { grantWish, wishOf } from "./secret-result.ts";

/**
 * A secret shared with a peer. Coordinates of a curve are no key: what becomes one goes through a derivation. As it is, the
 * secret becomes a generic secret at most, which further keys are derived from (PKCS#11's CKD_NULL): better than that a
 * caller asks for its bytes.
 *
 * "Agree", because key agreement is what SP 800-56A calls it, and because deriving is what happens to the secret then.
 */
export const agreeKey = handler(operation, async (invocation, context) => {
  const { namespace, request, run } = invocation;
  const { objects, provider } = context;
  const key = await objects.open(grantOf(invocation), request.version);
  const wish = await wishOf(namespace, request, objects);
  if (wish !== "bytes" && wish.derivation === undefined && wish.algorithm !== "Generic-Secret")
    throw new HsmError("INVALID_REQUEST", "a secret of an agreement becomes such a key by a derivation: hkdf, x963 or one_step");
  const secret = await provider.agree(key, request.peerPublicKey, run);
  const { fields, ...rest } = await grantWish(wish, secret, key, false, context, run);
  return { reply: { keyId: request.keyId, version: key.version, ...fields }, version: key.version, ...rest };
});
