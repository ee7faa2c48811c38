/**
 * ECDSA over the NIST curves P-256, P-384 and P-521, and over secp256k1.
 *
 * Nonces are OpenSSL's, random and hedged with the key and the message, unless RFC 6979's are asked for. This file must never pass data to OpenSSL unhashed (Node would hash it again).
 *
 * @see FIPS 186-5 §6; SEC 1 §4.1; SEC 2 §2.4.1; RFC 5915; IEEE P1363 (raw format); PKCS#11 3.1 §6.3.12
 */
import { ALGORITHMS } from "@keystead/contract/algorithms";
import { opensslDigest } from "../digest.ts";
import type { Mechanism, SignatureParams } from "../mechanism.ts";
import { CURVES, ecKeyMethods } from "./ec-key.ts";
import { ecdsaSigner, type SignerCurve } from "./ecdsa-signer.ts";
import type { SigningPlan } from "./openssl-signer.ts";
import { onlyParams, paramInvalid } from "./refusals.ts";

/** One curve. */
interface Curve extends SignerCurve {
  readonly algorithm: "ECDSA-P256" | "ECDSA-P384" | "ECDSA-P521" | "ECDSA-secp256k1";
}

const P256: Curve = {
  ...CURVES["P-256"],
  algorithm: "ECDSA-P256",
  digest: "SHA-256",
  cost: "inline",
  oid: "1.2.840.10045.3.1.7",
  orderBits: 256,
  quick: true,
  lowS: false,
};
const P384: Curve = {
  ...CURVES["P-384"],
  algorithm: "ECDSA-P384",
  digest: "SHA-384",
  cost: "pool",
  oid: "1.3.132.0.34",
  orderBits: 384,
  quick: false,
  lowS: false,
};
const P521: Curve = {
  ...CURVES["P-521"],
  algorithm: "ECDSA-P521",
  digest: "SHA-512",
  cost: "pool",
  oid: "1.3.132.0.35",
  orderBits: 521,
  quick: false,
  lowS: false,
};
const SECP256K1: Curve = {
  ...CURVES.secp256k1,
  algorithm: "ECDSA-secp256k1",
  digest: "SHA-256",
  cost: "pool",
  oid: "1.3.132.0.10",
  orderBits: 256,
  quick: false,
  lowS: true,
};

function ecdsa(curve: Curve): Mechanism {
  return Object.freeze<Mechanism>({
    ...ecKeyMethods(curve.algorithm, curve, [ALGORITHMS[curve.algorithm].jose]),
    ...(curve.cost === "inline" ? { cheapGeneration: true as const } : {}),
    signer: ecdsaSigner(curve, planner(curve)),
  });
}

function planner(curve: Curve): (params: SignatureParams) => SigningPlan {
  const usual: SigningPlan = { hash: opensslDigest(curve.digest) };
  const raw = { dsaEncoding: "ieee-p1363" } as const;
  return (params) => {
    onlyParams(curve.algorithm, params, ["digest", "format", "deterministic"]);
    const { digest, format } = params;
    if (format !== undefined && format !== "der" && format !== "raw") throw paramInvalid("the format is der or raw");
    if (digest === undefined && format !== "raw") return usual;
    const hash = opensslDigest(digest ?? curve.digest);
    return format === "raw" ? { hash, options: raw } : { hash };
  };
}

export const ecdsaP256: Mechanism = ecdsa(P256);
export const ecdsaP384: Mechanism = ecdsa(P384);
export const ecdsaP521: Mechanism = ecdsa(P521);
export const ecdsaSecp256k1: Mechanism = ecdsa(SECP256K1);
