/**
 * KMAC128 and KMAC256, with keys of 256 bits and an optional customisation string.
 *
 * The length of a code is an input of KMAC: a shorter code is another code, not the beginning of a longer one.
 *
 * @see NIST SP 800-185 §4, §8.4
 */
import type { KeyObject } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Macer, MacParams, Mechanism } from "../mechanism.ts";
import { NO_NONCE } from "./mac-params.ts";
import { takesNoMode } from "./one-mode.ts";
import { opensslMac } from "./openssl-mac.ts";
import { paramInvalid } from "./refusals.ts";
import { secretKeyMethods } from "./secret-key.ts";
import { sameTag, tagLength } from "./tag-length.ts";

/** OpenSSL takes no longer one. */
const MAX_CUSTOMIZATION_BYTES = 512;

function kmac(algorithm: AlgorithmName & ("KMAC128" | "KMAC256"), usual: number): Mechanism {
  const lengths = { name: algorithm, shortest: 8, longest: 64, usual };
  const check = ({ nonce, customization, macBytes, ...more }: MacParams): number => {
    takesNoMode(more);
    if (nonce !== undefined) throw paramInvalid("KMAC takes no nonce");
    if (customization !== undefined && customization.byteLength > MAX_CUSTOMIZATION_BYTES)
      throw paramInvalid(`the customisation string has at most ${MAX_CUSTOMIZATION_BYTES} bytes`);
    return tagLength(lengths, macBytes);
  };
  const compute = (key: KeyObject, data: Uint8Array, outputLength: number, { customization }: MacParams): Buffer =>
    opensslMac(algorithm, key, data, customization === undefined ? { outputLength } : { outputLength, customization });
  const macer: Macer = {
    cost: "inline",
    check: (params) => void check(params),
    mac: (key, data, params) => ({ mac: compute(key, data, check(params), params), nonce: NO_NONCE }),
    verify: (key, data, tag, params) => sameTag(compute(key, data, check(params), params), tag),
  };
  return Object.freeze<Mechanism>({ ...secretKeyMethods(algorithm), macer: Object.freeze(macer) });
}

export const kmac128: Mechanism = kmac("KMAC128", 32);
export const kmac256: Mechanism = kmac("KMAC256", 64);
