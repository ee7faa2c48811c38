/**
 * The signer of ML-DSA and SLH-DSA, which choose nothing but a context.
 *
 * On the pool: the cheapest of them takes half a millisecond, the dearest more than a second.
 *
 * @see FIPS 204 §5.2; FIPS 205 §10.2
 */
import type { SignatureParams, Signer } from "../mechanism.ts";
import { opensslSigner, type SigningPlan } from "./openssl-signer.ts";
import { onlyParams, paramInvalid } from "./refusals.ts";

/** A context is at most this long, in bytes. */
const MAX_CONTEXT_BYTES = 255;
const PURE: SigningPlan = { hash: null };

/**
 * A signer of pure signatures.
 *
 * @param prehashed what the variant is called that hashes the message first, and is refused
 */
export const contextSigner = (algorithm: string, prehashed: string): Signer =>
  opensslSigner("pool", (params) => plan(algorithm, prehashed, params));

function plan(algorithm: string, prehashed: string, params: SignatureParams): SigningPlan {
  onlyParams(algorithm, params, ["format", "context", "scheme"]);
  const { format, scheme, context } = params;
  if (scheme === "prehash") throw paramInvalid(`${prehashed} is not supported: the message is signed as it is`);
  if (scheme !== undefined) throw paramInvalid(`${algorithm} takes no scheme`);
  if (format !== undefined && format !== "raw") throw paramInvalid(`an ${algorithm} signature has only the raw format`);
  if (context === undefined) return PURE;
  if (context.byteLength > MAX_CONTEXT_BYTES) throw paramInvalid(`a context is at most ${MAX_CONTEXT_BYTES} bytes`);
  return { hash: null, options: { context } };
}
