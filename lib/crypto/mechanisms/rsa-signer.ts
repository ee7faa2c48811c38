/**
 * RSA signatures: RSASSA-PSS, and RSASSA-PKCS1-v1_5 for those who must.
 *
 * PSS uses one digest for message and MGF1 and a salt exactly as long as the digest, made and accepted. This file must
 * never sign a bare digest or let a caller choose the salt.
 *
 * @see RFC 8017 §8.1, §8.2; FIPS 186-5 §5.4; RFC 7518 §3.3, §3.5
 */
import { constants } from "node:crypto";
import { opensslDigest } from "../digest.ts";
import type { SignatureParams, Signer } from "../mechanism.ts";
import { opensslSigner, type SigningPlan } from "./openssl-signer.ts";
import { paramInvalid } from "./refusals.ts";

const PSS = Object.freeze({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
const PKCS1 = Object.freeze({ padding: constants.RSA_PKCS1_PADDING });

function plan({ digest = "SHA-256", scheme = "pss", format }: SignatureParams): SigningPlan {
  if (format !== undefined && format !== "raw") throw paramInvalid("an RSA signature has only the raw format");
  if (scheme !== "pss" && scheme !== "pkcs1") throw paramInvalid("the scheme is pss or pkcs1");
  return { hash: opensslDigest(digest), options: scheme === "pss" ? PSS : PKCS1 };
}

/** Signer of every RSA mechanism. On the pool: one RSA-2048 signature keeps a thread busy far longer than a P-256 one. */
export const rsaSigner: Signer = opensslSigner("pool", plan);
