/**
 * Wycheproof against X25519, X448 and ECDH.
 *
 * "Acceptable" is decided here: on the Montgomery curves points of the twist and unreduced coordinates are taken, as
 * RFC 7748 §5 wants it, and a zero secret is refused; a compressed point is taken; DER that is not the shortest, and keys
 * with curve parameters instead of a name, are refused.
 */
import { mechanisms } from "../../lib/crypto/mechanisms/register.ts";
import { hex, wycheproof, type Case } from "./wycheproof.ts";

type Name = "X25519" | "X448" | "ECDH-P256" | "ECDH-P384" | "ECDH-P521" | "ECDH-secp256k1";

/** Whether the agreement comes to the published secret; a refusal is false, anything else is thrown on. */
function agrees(name: Name, privateNumber: Buffer, item: Case): boolean {
  const mechanism = mechanisms[name];
  const { agreer } = mechanism;
  if (agreer === undefined) throw new Error("no agreer");
  try {
    const key = mechanism.importKey("raw", privateNumber);
    return agreer.agree(key, agreer.peer(hex(item, "public"))).equals(hex(item, "shared"));
  } catch (error) {
    if ((error as { code?: string }).code === "MECHANISM_PARAM_INVALID") return false;
    throw error;
  }
}

const MONTGOMERY = [
  ["x25519_test.json", "X25519", 487, 31],
  ["x448_test.json", "X448", 499, 11],
] as const;
for (const [file, name, sound, zero] of MONTGOMERY) {
  const isZero = (item: Case): boolean => item.flags.includes("ZeroSharedSecret");
  const run = (item: Case): boolean => agrees(name, hex(item, "private"), item);
  wycheproof(file, sound, run, { applies: (_, item) => !isZero(item), acceptable: true });
  wycheproof(file, zero, run, { applies: (_, item) => isZero(item), acceptable: false });
}

const CURVES = [
  ["ecdh_secp256r1_test.json", "ECDH-P256", 32, 612],
  ["ecdh_secp384r1_test.json", "ECDH-P384", 48, 1047],
  ["ecdh_secp521r1_test.json", "ECDH-P521", 66, 916],
  ["ecdh_secp256k1_test.json", "ECDH-secp256k1", 32, 752],
] as const;
for (const [file, name, scalarBytes, cases] of CURVES) {
  const run = (item: Case): boolean => {
    // The files write the scalar as a number: without leading zeros, or with one for the sign.
    const text = String(item["private"]).replace(/^(00)+/, "");
    return agrees(name, Buffer.from(text.padStart(2 * scalarBytes, "0"), "hex"), item);
  };
  const compressed = (item: Case): boolean => item.flags.includes("CompressedPublic");
  wycheproof(file, cases - 1, run, { applies: (_, item) => !compressed(item), acceptable: false });
  wycheproof(file, 1, run, { applies: (_, item) => compressed(item), acceptable: true });
}
