/**
 * What a request says of the key that it is about, for rules that look at keys.
 *
 * A request that makes a key is judged by what the key will be. One that changes a key's tags is judged twice, by the
 * tags before and after, so that nobody moves a key into or out of a rule's reach without being inside on both sides. One
 * that makes a key on the way (derived, unwrapped, agreed on, copied) is judged also as if the key that it is about had the tags
 * of the new one: a rule about a tag holds for what is to carry it.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { algorithmName } from "@keystead/contract/enum-names";
import type { Operation } from "@keystead/contract/operation";

/** What rules may know of a key. */
export interface KeyFacts {
  /** Canonical name; empty when there is no such key. */
  readonly algorithm: string;
  readonly tags: readonly string[];
}

/** Nothing is known, so nothing matches. */
export const NO_FACTS: KeyFacts = Object.freeze({ algorithm: "", tags: Object.freeze([]) });

export interface RequestFacts {
  /** The key that the request makes. */
  readonly made?: KeyFacts;
  /** What the key's facts will be afterwards. */
  readonly after?: (before: KeyFacts) => KeyFacts;
}

const NOTHING: RequestFacts = Object.freeze({});

/** What the request says. */
export function requestFacts(operation: Operation, request: MessageShape<DescMessage>): RequestFacts {
  const { algorithm, tags, addTags, removeTags, asKey } = request as {
    readonly algorithm?: number;
    readonly tags?: readonly string[];
    readonly addTags?: readonly string[];
    readonly removeTags?: readonly string[];
    readonly asKey?: { readonly tags: readonly string[] };
  };
  if (operation.scope !== "key" && (operation.permission === "key:create" || operation.permission === "key:import"))
    return { made: { algorithm: algorithmName(algorithm ?? 0) ?? "", tags: tags ?? [] } };
  if (asKey !== undefined && asKey.tags.length > 0)
    return { after: (before) => ({ ...before, tags: [...new Set([...before.tags, ...asKey.tags])] }) };
  if (operation.permission === "key:copy")
    return tags === undefined || tags.length === 0
      ? NOTHING
      : { after: (before) => ({ ...before, tags: [...new Set([...before.tags, ...tags])] }) };
  if (addTags === undefined || removeTags === undefined || addTags.length + removeTags.length === 0) return NOTHING;
  return {
    after: (before) => ({ ...before, tags: [...new Set([...before.tags, ...addTags])].filter((tag) => !removeTags.includes(tag)) }),
  };
}
