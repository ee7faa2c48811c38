import { KDFS, type KdfName } from "@keystead/contract/kdfs";
import { HsmError } from "@keystead/contract/errors";
import { deriveKey as operation } from "@keystead/contract/operations/derive-key";
import { MIN_SALT_BYTES } from "@keystead/crypto/kdf/kdf";
import { fillRandom } from "@keystead/crypto/random";
import type { Derivation } from "../providers/software.ts";
import { derivationOf } from "./derivation.ts";
import { grantOf, handler } from "./handler.ts";
import { grantWish, wishedKey } from "./secret-result.ts";

/** Functions that are HMAC with the secret as its key, or little more: whoever computes codes with it computes what they derive. */
const ARE_HMAC: ReadonlySet<KdfName> = new Set(["counter_hmac", "feedback_hmac", "pipeline_hmac", "pbkdf2", "scrypt"]);

/** A managed key out of a generic secret. Nobody sees either. */
export const deriveKey = handler(operation, async (invocation, context) => {
  const { namespace, request, run } = invocation;
  const { objects, provider } = context;
  const key = await objects.open(grantOf(invocation), request.version);
  if (request.asKey === undefined || request.derivation === undefined)
    throw new HsmError("INVALID_REQUEST", "derivation and as_key are needed");
  const derivation = withSalt(derivationOf(request.derivation, ["secret key", "password"]));
  const { usage } = (await objects.describe(namespace, request.keyId)).attributes;
  if (ARE_HMAC.has(derivation.name) && usage.includes("mac"))
    throw new HsmError(
      "KEY_USAGE_FORBIDS",
      `key '${request.keyId}' is for 'mac' too: its codes would give away what ${derivation.name} derives; hkdf derives apart from them`,
    );
  const wish = await wishedKey(namespace, request.asKey, undefined, objects);
  const derived = await provider.deriveFrom(key, derivation, wish.sizeBytes, run);
  const { fields, ...rest } = await grantWish(wish, derived, key, true, context, run);
  return {
    reply: { ...fields, salt: derivation.params.salt ?? new Uint8Array(0), keyId: request.keyId, version: key.version },
    version: key.version,
    ...rest,
  };
});

/** A password without a salt gets a fresh one: it is told in the reply, and nobody can forget to draw it. */
function withSalt(derivation: Derivation): Derivation {
  const { from } = KDFS[derivation.name];
  if (derivation.params.salt !== undefined || !(from as readonly string[]).includes("password")) return derivation;
  return { ...derivation, params: { ...derivation.params, salt: fillRandom(Buffer.alloc(MIN_SALT_BYTES)) } };
}
