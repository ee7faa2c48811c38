/**
 * RSA signatures: RSASSA-PSS, and RSASSA-PKCS1-v1_5 for those who must.
 *
 * PSS uses one digest for message and MGF1. The salt is exactly as long as the digest, or as the request says, made and
 * accepted: a verifier that takes any length takes what nobody here would have made.
 *
 * @see RFC 8017 §8.1, §8.2; FIPS 186-5 §5.4; RFC 7518 §3.3, §3.5
 */
import { constants } from "node:crypto";
import { DIGESTS } from "@keystead/contract/algorithms";
import { opensslDigest } from "../digest.ts";
import type { SignatureParams, Signer } from "../mechanism.ts";
import { signPkcs1, signPss } from "./rsa-digest.ts";
import { signRaw } from "./rsa-raw.ts";
import { opensslSigner, type SigningPlan } from "./openssl-signer.ts";
import { checkDigestLength, onlyParams, paramInvalid } from "./refusals.ts";

const PSS = Object.freeze({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
const PKCS1 = Object.freeze({ padding: constants.RSA_PKCS1_PADDING });

function plan(sizeBits: number, params: SignatureParams): SigningPlan {
  onlyParams("RSA", params, ["digest", "scheme", "format", "saltBytes"]);
  const { digest = "SHA-256", scheme = "pss", format, saltBytes } = params;
  if (format !== undefined && format !== "raw") throw paramInvalid("an RSA signature has only the raw format");
  if (scheme !== "pss" && scheme !== "pkcs1") throw paramInvalid("the scheme is pss or pkcs1");
  const hash = opensslDigest(digest);
  if (saltBytes === undefined) return { hash, options: scheme === "pss" ? PSS : PKCS1 };
  if (scheme === "pkcs1") throw paramInvalid("PKCS#1 v1.5 has no salt");
  // RFC 8017 §9.1.1 step 3, for a modulus of whole bytes.
  const most = sizeBits / 8 - DIGESTS[digest].outputBytes - 2;
  if (!Number.isInteger(saltBytes) || saltBytes < 0 || saltBytes > most) throw paramInvalid(`the salt is 0 to ${most} bytes`);
  return { hash, options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltBytes } };
}

/** The signer of one key size. On the pool: an RSA-2048 signature keeps a thread busy far longer than a P-256 one. */
export const rsaSigner = (sizeBits: number): Signer =>
  Object.freeze<Signer>({
    ...opensslSigner(sizeBits === 2048 ? "brief" : "pool", (params) => plan(sizeBits, params)),
    signDigest(key, digestValue, params) {
      plan(sizeBits, params);
      const { digest = "SHA-256", scheme = "pss", saltBytes = DIGESTS[digest].outputBytes } = params;
      checkDigestLength(digest, digestValue);
      return scheme === "pkcs1" ? signPkcs1(key, digest, digestValue) : signPss(key, digest, digestValue, sizeBits, saltBytes);
    },
    signRaw: async (key, data, padding) => signRaw(key, data, padding, sizeBits),
  });
