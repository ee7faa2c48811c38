/**
 * Which keys a listing or a search asks for.
 */
import type { AlgorithmName } from "@keystead/contract/algorithms";
import { attributesMatch, type SomeAttributes } from "./attribute-values.ts";
import type { KeyAttributes, KeyStateName } from "./attributes.ts";
import { keyState } from "./key-rules.ts";

export interface KeyFilter {
  readonly algorithm: AlgorithmName | undefined;
  readonly state: KeyStateName | undefined;
  /** The key carries all of them. */
  readonly tags: readonly string[];
  /** Values by name; of usages, at least these. */
  readonly attributes?: SomeAttributes;
  /** Marks of material (material.ts), all of them. */
  readonly marks?: readonly string[];
  /** Whether whoever asks may see the key; everybody may when it is left out. */
  readonly visible?: ((keyId: string, facts: { readonly algorithm: string; readonly tags: readonly string[] }) => boolean) | undefined;
}

/** Whether a listing wants this key. Without a state it wants every key that is not destroyed. */
export function matches(keyId: string, attributes: KeyAttributes, filter: KeyFilter, now: number): boolean {
  const state = keyState(attributes, now);
  if (filter.state === undefined ? state === "destroyed" : state !== filter.state) return false;
  if (filter.algorithm !== undefined && attributes.algorithm !== filter.algorithm) return false;
  if (!filter.tags.every((tag) => attributes.tags.includes(tag))) return false;
  if (filter.visible?.(keyId, attributes) === false) return false;
  return filter.attributes === undefined || attributesMatch(attributes, filter.attributes);
}
