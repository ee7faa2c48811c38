/**
 * What GenerateKey and ImportKey share: the id, the usages and the reply of a key that is new.
 */
import { ALGORITHMS, type AlgorithmName, type Usage as UsageName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import type { KeyAttributes, KeyState, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { newLife, type NewLife } from "../objects/attribute-values.ts";
import { attributesOf } from "./attribute-message.ts";
import { stateName } from "./key-message.ts";
import { usageNames } from "./usage-names.ts";
import { fillRandom } from "@keystead/crypto/random";

/** A UUIDv7 (RFC 9562 §5.7): sorts by time, so that generated ids list in the order they were made. */
export function newKeyId(nowMs: number): string {
  const bytes = fillRandom(Buffer.alloc(16));
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Usages that exclude every other: what wraps keys must not be able to open them as data. */
const WRAPPING: readonly UsageName[] = ["wrap", "unwrap"];

/**
 * The usages of a new key: those asked for, or all the algorithm has but wrapping, unless it has nothing else.
 *
 * A key that could both wrap keys and decrypt data would give any wrapped key away in plain, and one that could both encrypt
 * data and unwrap keys would take in any key somebody knows (Clulow 2003): such a key is never made.
 *
 * @throws {HsmError} INVALID_REQUEST
 */
export function newKeyUsage(algorithm: AlgorithmName, asked: readonly Usage[]): readonly UsageName[] {
  const possible: readonly UsageName[] = ALGORITHMS[algorithm].usages;
  const usage = usageNames(asked);
  const wrong = usage.find((name) => !possible.includes(name));
  if (wrong !== undefined)
    throw new HsmError("INVALID_REQUEST", `${algorithm} keys cannot be for '${wrong}'; possible: ${possible.join(", ")}`);
  if (usage.some((name) => WRAPPING.includes(name)) && !usage.every((name) => WRAPPING.includes(name)))
    throw new HsmError("INVALID_REQUEST", "a key that wraps or unwraps keys can be for nothing else");
  if (usage.length > 0) return usage;
  const data = possible.filter((name) => !WRAPPING.includes(name));
  return data.length === 0 ? possible : data;
}

/** State, dates and attributes of a new key. @throws {HsmError} INVALID_REQUEST */
export function newKeyLife(request: { readonly attributes?: KeyAttributes | undefined; readonly state: KeyState }, now: number): NewLife {
  const state = stateName(request.state);
  if (state !== undefined && state !== "pre_activation" && state !== "active")
    throw new HsmError("INVALID_REQUEST", "state: a key begins as pre_activation (staged) or active");
  return newLife(attributesOf(request.attributes), state, now);
}
