/**
 * A key does not leave under a weaker one: whoever breaks the wrapping has the key, so a key of 256 bits of security that leaves
 * under AES-128 is worth 128 from then on, wherever it goes.
 *
 * The rule is of symmetric wrapping keys. Asymmetric ones (RSA-OAEP, HPKE) are how keys come from and go to other systems,
 * which for the most part take AES-256 under RSA-2048 to RSA-4096, 112 to 152 bits, and there is no RSA key of theirs that has
 * 256: held to the rule, keys would leave in plain, or not at all. For them holds the floor of 112 bits, which every algorithm
 * here that wraps has. What comes in is not asked: it is as strong as it was, and refusing it would protect nothing.
 *
 * @see SP 800-57 Part 1 Rev. 5 §5.6.1.1 Table 2, §6.2.2.3 (keys are wrapped under keys of their strength or more); SP 800-38F §5
 */
import { ALGORITHMS, type AlgorithmName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import type { Key } from "@keystead/crypto/composite-key";
import { wipe } from "@keystead/crypto/wipe";
import type { DescribedKey, LeavingKey } from "./key-shapes.ts";
import { storedMaterial } from "./material.ts";

/** The highest of the table: more than this protects nothing more. */
const MOST_BITS = 256;

/** Bits of security of a key. @param materialBytes a secret is not stronger than it is long */
export function strengthOf(algorithm: AlgorithmName, materialBytes: number): number {
  const { strengthBits, objectClass } = ALGORITHMS[algorithm];
  return Math.min(MOST_BITS, strengthBits, objectClass === "secret" ? materialBytes * 8 : MOST_BITS);
}

/** Which key leaves, and under what. */
export interface Leaving {
  readonly keyId: string;
  readonly algorithm: AlgorithmName;
  readonly version: number;
  readonly key: Key;
  /** The key of the vault that it is wrapped under; undefined = none. */
  readonly under: DescribedKey | undefined;
  /** `crypto.weaker_wrapping`. */
  readonly weakerWrapping: boolean;
}

/** The material of a key that may leave. @throws {HsmError} WRAPPING_KEY_TOO_WEAK */
export function leavingKey({ keyId, algorithm, version, key, under, weakerWrapping }: Leaving): LeavingKey {
  const material = storedMaterial(algorithm, key);
  const wanted = strengthOf(algorithm, material.length);
  const wrapping = under === undefined ? undefined : ALGORITHMS[under.attributes.algorithm];
  if (!weakerWrapping && wrapping?.objectClass === "secret" && wrapping.strengthBits < wanted) {
    wipe(material);
    throw new HsmError(
      "WRAPPING_KEY_TOO_WEAK",
      `key '${keyId}' has ${wanted} bits of security and does not leave under key '${under?.keyId}', which has ${wrapping.strengthBits}`,
    );
  }
  return { algorithm, version, material };
}
