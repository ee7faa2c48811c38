/**
 * What GenerateKey and ImportKey share: the id, the usages and the reply of a key that is new.
 */
import { ALGORITHMS, keyBytes, type AlgorithmName, type AlgorithmRow, type Usage as UsageName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import type { KeyAttributes, KeyState, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { newLife, type NewLife } from "../objects/attribute-values.ts";
import { newSessionKeyId } from "../objects/session-keys.ts";
import { attributesOf } from "./attribute-message.ts";
import { stateName } from "./key-message.ts";
import { usageNames } from "./usage-names.ts";
import { uuidV7 } from "@keystead/crypto/uuid";

/** The id of a new key: what was chosen, or one of the vault's. @throws {HsmError} INVALID_REQUEST for a session key with a chosen one */
export function newKeyId(asked: { readonly keyId: string; readonly sessionKey: boolean }): string {
  if (!asked.sessionKey) return asked.keyId === "" ? uuidV7(Date.now()) : asked.keyId;
  if (asked.keyId !== "") throw new HsmError("INVALID_REQUEST", "key_id: the id of a session key is chosen by the vault");
  return newSessionKeyId(Date.now());
}

/** Usages that exclude every other: what wraps keys must not be able to open them as data. */
const WRAPPING: readonly UsageName[] = ["wrap", "unwrap"];

/**
 * The usages of a new key: those asked for, or all the algorithm has but wrapping, unless it has nothing else, and but what
 * its row keeps for those who ask.
 *
 * A key that could both wrap keys and decrypt data would give any wrapped key away in plain, and one that could both encrypt
 * data and unwrap keys would take in any key somebody knows (Clulow 2003): such a key is never made.
 *
 * @throws {HsmError} INVALID_REQUEST
 */
export function newKeyUsage(algorithm: AlgorithmName, asked: readonly Usage[]): readonly UsageName[] {
  const { usages: possible, onlyWhenAsked = [] }: AlgorithmRow = ALGORITHMS[algorithm];
  const usage = usageNames(asked);
  const wrong = usage.find((name) => !possible.includes(name));
  if (wrong !== undefined)
    throw new HsmError("INVALID_REQUEST", `${algorithm} keys cannot be for '${wrong}'; possible: ${possible.join(", ")}`);
  if (usage.some((name) => WRAPPING.includes(name)) && !usage.every((name) => WRAPPING.includes(name)))
    throw new HsmError("INVALID_REQUEST", "a key that wraps or unwraps keys can be for nothing else");
  if (usage.length > 0) return usage;
  const data = possible.filter((name) => !WRAPPING.includes(name) && !onlyWhenAsked.includes(name));
  return data.length === 0 ? possible : data;
}

/**
 * Bytes of a new secret key; 0 = the algorithm's usual ones.
 *
 * @throws {HsmError} MECHANISM_PARAM_INVALID for a size that keys of the algorithm cannot have
 */
export function newKeySize(algorithm: AlgorithmName, asked: number): number {
  const { usual, least, most } = keyBytes(algorithm);
  if (ALGORITHMS[algorithm].objectClass !== "secret" && asked !== 0)
    throw new HsmError("MECHANISM_PARAM_INVALID", `size_bytes is for secret keys, and ${algorithm} keys have one size`);
  if (asked === 0 || asked === usual) return usual;
  if (asked >= least && asked <= most) return asked;
  throw new HsmError("MECHANISM_PARAM_INVALID", `a key of ${algorithm} has ${least === most ? usual : `${least} to ${most}`} bytes`);
}

/** The state that a new key is asked to begin in. @throws {HsmError} INVALID_REQUEST for one in which none begins */
export function firstState(asked: KeyState): "pre_activation" | "active" | undefined {
  const state = stateName(asked);
  if (state !== undefined && state !== "pre_activation" && state !== "active")
    throw new HsmError("INVALID_REQUEST", "state: a key begins as pre_activation (staged) or active");
  return state;
}

/** State, dates and attributes of a new key. @throws {HsmError} INVALID_REQUEST */
export const newKeyLife = (
  algorithm: AlgorithmName,
  request: { readonly attributes?: KeyAttributes | undefined; readonly state: KeyState },
  now: number,
): NewLife => newLife(algorithm, attributesOf(request.attributes), firstState(request.state), now);
