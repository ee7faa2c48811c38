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
  /** Of any of these; any at all when empty or left out. */
  readonly algorithms?: readonly AlgorithmName[];
  /** What PKCS#11 shows as CKA_ID, hexadecimal: the attribute, or the key's own name. */
  readonly shownId?: string | undefined;
  /** The same of CKA_LABEL. */
  readonly shownLabel?: string | undefined;
  /** Marks of material (material.ts), all of them. */
  readonly marks?: readonly string[];
  /** Whether whoever asks may see the key; everybody may when it is left out. */
  readonly visible?: ((keyId: string, facts: { readonly algorithm: string; readonly tags: readonly string[] }) => boolean) | undefined;
}

const shownId = (keyId: string, { objectId }: KeyAttributes): string => objectId || Buffer.from(keyId, "utf8").toString("hex");

/**
 * What keys may be looked for by, one after the other: values that an index knows, or the key's own name. A key that the filter
 * wants is found by one of them at least.
 */
export function waysToFind(filter: KeyFilter): (KeyFilter | { readonly named: string })[] {
  const { shownId: id, shownLabel: label, algorithms = [], algorithm } = filter;
  if (id !== undefined)
    return [{ ...filter, attributes: { ...filter.attributes, id } }, { named: Buffer.from(id, "hex").toString("utf8") }];
  if (label !== undefined) return [{ ...filter, attributes: { ...filter.attributes, label } }, { named: label }];
  if (algorithm === undefined && algorithms.length > 0) return [...new Set(algorithms)].map((each) => ({ ...filter, algorithm: each }));
  return [filter];
}

/** Whether a listing wants this key. Without a state it wants every key that is not destroyed. */
export function matches(keyId: string, attributes: KeyAttributes, filter: KeyFilter, now: number): boolean {
  const state = keyState(attributes, now);
  if (filter.state === undefined ? state === "destroyed" : state !== filter.state) return false;
  if (filter.algorithm !== undefined && attributes.algorithm !== filter.algorithm) return false;
  if (filter.algorithms !== undefined && filter.algorithms.length > 0 && !filter.algorithms.includes(attributes.algorithm)) return false;
  if (filter.shownId !== undefined && shownId(keyId, attributes) !== filter.shownId) return false;
  if (filter.shownLabel !== undefined && (attributes.label || keyId) !== filter.shownLabel) return false;
  if (!filter.tags.every((tag) => attributes.tags.includes(tag))) return false;
  if (filter.visible?.(keyId, attributes) === false) return false;
  return filter.attributes === undefined || attributesMatch(attributes, filter.attributes);
}
