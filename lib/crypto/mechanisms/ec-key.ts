/**
 * Elliptic keys, for signatures and for agreement: how they come to be and how they come in.
 *
 * A key from outside is reduced to its scalar and rebuilt, so that the public half in use is always the one computed
 * here. This file must never let a key of another curve through.
 *
 * @see SP 800-186 §3.2 (curves); SEC 2 §2.4.1 (secp256k1); RFC 5915 (SEC1); RFC 5480 (PKCS#8)
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { Mechanism } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { attempt, loadPrivateKey, readPrivateKey, storePrivateKey } from "./private-key.ts";
import { keyRefused } from "./refusals.ts";

const generateAsync = promisify(generateKeyPair);

/** One curve. */
export interface EcCurve {
  /** The name Node prints in asymmetricKeyDetails. */
  readonly opensslName: string;
  readonly scalarBytes: number;
  /** The group order n, big-endian. */
  readonly order: Buffer;
}

export const CURVES = Object.freeze({
  "P-256": {
    opensslName: "prime256v1",
    scalarBytes: 32,
    order: Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex"),
  },
  "P-384": {
    opensslName: "secp384r1",
    scalarBytes: 48,
    order: Buffer.from("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973", "hex"),
  },
  "P-521": {
    opensslName: "secp521r1",
    scalarBytes: 66,
    order: Buffer.from(
      "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
      "hex",
    ),
  },
  secp256k1: {
    opensslName: "secp256k1",
    scalarBytes: 32,
    order: Buffer.from("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", "hex"),
  },
} satisfies Record<string, EcCurve>);

/** The key-handling half of a mechanism on an elliptic curve. */
export type EcKeyMethods = Pick<Mechanism, "algorithm" | "generate" | "load" | "store" | "importKey">;

/** Key handling for `algorithm` on `curve`. @param jose values a JWK's `alg` may have */
export function ecKeyMethods(algorithm: Mechanism["algorithm"], curve: EcCurve, jose: readonly string[]): EcKeyMethods {
  const { order } = curve;
  const isOurs = (key: KeyObject): boolean =>
    key.type === "private" && key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === curve.opensslName;
  const fromScalar = (scalar: Uint8Array): KeyObject => {
    if (scalar.byteLength !== curve.scalarBytes) throw keyRefused(`a private scalar of this curve is ${curve.scalarBytes} bytes`);
    if (Buffer.compare(scalar, order) >= 0 || scalar.every((byte) => byte === 0)) throw keyRefused("the scalar is out of range");
    return attempt(() => createPrivateKey({ key: scalar, format: "raw-private", asymmetricKeyType: "ec", namedCurve: curve.opensslName }));
  };
  return {
    algorithm,
    generate: async () => (await generateAsync("ec", { namedCurve: curve.opensslName })).privateKey,
    load: (material) => loadPrivateKey(material, isOurs),
    store: storePrivateKey,
    importKey(format, bytes) {
      if (format === "raw") return fromScalar(bytes);
      const { key, der } = readPrivateKey(format, bytes, jose);
      let scalar: Buffer | undefined;
      try {
        if (!isOurs(key)) throw keyRefused(`it is not a private key for ${algorithm}`);
        scalar = attempt(() => key.export({ format: "raw-private" }));
        const rebuilt = fromScalar(scalar);
        if (!createPublicKey(rebuilt).equals(createPublicKey(key))) throw keyRefused("the public half does not match the private half");
        return rebuilt;
      } finally {
        wipe(der, scalar);
      }
    },
  };
}
