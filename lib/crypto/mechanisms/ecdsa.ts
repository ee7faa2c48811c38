/**
 * ECDSA over the NIST curves P-256, P-384 and P-521, and over secp256k1.
 *
 * Nonces are OpenSSL's, random and hedged with the key and the message, unless RFC 6979's are asked for. A key that
 * comes from outside is reduced to its scalar and rebuilt, so that the public half in use is always the one computed
 * here. This file must never pass data to OpenSSL unhashed (Node would hash it again).
 *
 * @see FIPS 186-5 §6; SEC 1 §4.1; SEC 2 §2.4.1; RFC 5915; IEEE P1363 (raw format); PKCS#11 3.1 §6.3.12
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { ALGORITHMS } from "@keystead/contract/algorithms";
import { opensslDigest } from "../digest.ts";
import type { Mechanism, SignatureParams } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { ecdsaSigner, type SignerCurve } from "./ecdsa-signer.ts";
import type { SigningPlan } from "./openssl-signer.ts";
import { attempt, loadPrivateKey, readPrivateKey, storePrivateKey } from "./private-key.ts";
import { keyRefused, onlyParams, paramInvalid } from "./refusals.ts";

const generateAsync = promisify(generateKeyPair);

/** One curve; orders are those of SP 800-186 §3.2.1 and SEC 2 §2.4.1. */
interface Curve extends SignerCurve {
  readonly algorithm: "ECDSA-P256" | "ECDSA-P384" | "ECDSA-P521" | "ECDSA-secp256k1";
}

const P256: Curve = {
  algorithm: "ECDSA-P256",
  opensslName: "prime256v1",
  digest: "SHA-256",
  scalarBytes: 32,
  cost: "inline",
  oid: "1.2.840.10045.3.1.7",
  orderBits: 256,
  quick: true,
  order: Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex"),
  lowS: false,
};
const P384: Curve = {
  algorithm: "ECDSA-P384",
  opensslName: "secp384r1",
  digest: "SHA-384",
  scalarBytes: 48,
  cost: "pool",
  oid: "1.3.132.0.34",
  orderBits: 384,
  quick: false,
  order: Buffer.from("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973", "hex"),
  lowS: false,
};
const P521: Curve = {
  algorithm: "ECDSA-P521",
  opensslName: "secp521r1",
  digest: "SHA-512",
  scalarBytes: 66,
  cost: "pool",
  oid: "1.3.132.0.35",
  orderBits: 521,
  quick: false,
  order: Buffer.from(
    "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    "hex",
  ),
  lowS: false,
};
const SECP256K1: Curve = {
  algorithm: "ECDSA-secp256k1",
  opensslName: "secp256k1",
  digest: "SHA-256",
  scalarBytes: 32,
  cost: "pool",
  oid: "1.3.132.0.10",
  orderBits: 256,
  quick: false,
  order: Buffer.from("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", "hex"),
  lowS: true,
};

function ecdsa(curve: Curve): Mechanism {
  const { order } = curve;
  const jose = ALGORITHMS[curve.algorithm].jose;
  const isOurs = (key: KeyObject): boolean =>
    key.type === "private" && key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === curve.opensslName;
  const fromScalar = (scalar: Uint8Array): KeyObject => {
    if (scalar.byteLength !== curve.scalarBytes) throw keyRefused(`a private scalar of this curve is ${curve.scalarBytes} bytes`);
    if (Buffer.compare(scalar, order) >= 0 || scalar.every((byte) => byte === 0)) throw keyRefused("the scalar is out of range");
    return attempt(() => createPrivateKey({ key: scalar, format: "raw-private", asymmetricKeyType: "ec", namedCurve: curve.opensslName }));
  };
  return Object.freeze<Mechanism>({
    algorithm: curve.algorithm,
    ...(curve.cost === "inline" ? { cheapGeneration: true as const } : {}),
    generate: async () => (await generateAsync("ec", { namedCurve: curve.opensslName })).privateKey,
    load: (material) => loadPrivateKey(material, isOurs),
    store: storePrivateKey,
    importKey(format, bytes) {
      if (format === "raw") return fromScalar(bytes);
      const { key, der } = readPrivateKey(format, bytes, [jose]);
      let scalar: Buffer | undefined;
      try {
        if (!isOurs(key)) throw keyRefused(`it is not a private key for ${curve.algorithm}`);
        scalar = attempt(() => key.export({ format: "raw-private" }));
        const rebuilt = fromScalar(scalar);
        if (!createPublicKey(rebuilt).equals(createPublicKey(key))) throw keyRefused("the public half does not match the private half");
        return rebuilt;
      } finally {
        wipe(der, scalar);
      }
    },
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
