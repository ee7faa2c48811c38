/**
 * The gate around tags that rules look at: what a tag gives or lifts is not for whoever may edit a key to give or lift.
 *
 * Rules by tag stand in several places (policy, grants, approval rules, policy scripts, retention, views of tokens). All of them are held here: a
 * request to add or remove a tag which a rule in force looks at needs `key:retag` besides its own permission, whether the key
 * has the tag or not, and is told which rule. A key that is made needs it only for tags that could give or lift something (bindings, conditions): a tag that only
 * takes away may be put on by anybody who makes a key.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import { algorithmName } from "@keystead/contract/enum-names";
import type { Operation } from "@keystead/contract/operation";
import type { Asked, Gate } from "../gate.ts";
import type { KeyFacts } from "./request-facts.ts";

/** A rule that looks at the tags of keys. */
export interface TagRule {
  /** For people: which rule it is. */
  readonly name: string;
  /** "all": it can look at any. */
  readonly tags: ReadonlySet<string> | "all";
  readonly namespaces: ReadonlySet<string> | "all";
  /** Left out = of any. */
  readonly keyIds?: ReadonlySet<string>;
  /** A key that has the tag from the first on may get more by it than one that has not. */
  readonly gives: boolean;
}

export interface TagGateOptions {
  readonly rules: (namespace: string, keyId: string, principal: Asked["principal"]) => Iterable<TagRule>;
  readonly keyFacts: (namespace: string, keyId: string, principal: Asked["principal"]) => KeyFacts | Promise<KeyFacts>;
  /** Whether the caller holds `key:retag`, for the key as it is before and after. */
  readonly mayRetag: (asked: Asked, keyId: string, facts: readonly KeyFacts[]) => boolean;
}

/** What a request says of tags. */
interface TagChange {
  /** The key is made by this request. */
  readonly made: boolean;
  readonly keyId: string;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

const MAKING: ReadonlySet<string> = new Set(["key:create", "key:import", "key:copy"]);

/** The change of tags that a request asks for, or undefined. */
export function tagChange(operation: Operation, request: MessageShape<DescMessage>): TagChange | undefined {
  const {
    tags,
    addTags,
    removeTags,
    asKey,
    keyId,
    newKeyId = keyId,
  } = request as {
    readonly tags?: readonly string[];
    readonly addTags?: readonly string[];
    readonly removeTags?: readonly string[];
    readonly asKey?: { readonly tags: readonly string[]; readonly keyId: string };
    readonly keyId?: string;
    readonly newKeyId?: string;
  };
  if (asKey !== undefined) return asKey.tags.length === 0 ? undefined : { made: true, keyId: asKey.keyId, add: asKey.tags, remove: [] };
  if (addTags !== undefined && removeTags !== undefined)
    return addTags.length + removeTags.length === 0 ? undefined : { made: false, keyId: keyId ?? "", add: addTags, remove: removeTags };
  if (!MAKING.has(operation.permission) || tags === undefined || tags.length === 0) return undefined;
  return { made: true, keyId: newKeyId ?? "", add: tags, remove: [] };
}

/** @throws {HsmError} PERMISSION_DENIED naming the rule */
export function tagGate(options: TagGateOptions): Gate {
  return (asked) => {
    if (asked.principal.method === "ceremony") return undefined;
    const change = tagChange(asked.operation, asked.request);
    if (change === undefined) return undefined;
    const { made, keyId, add, remove } = change;
    if (made) return judge(options, asked, keyId, add, [{ algorithm: madeAlgorithm(asked.request), tags: add }], true);
    const before = options.keyFacts(asked.namespace, keyId, asked.principal);
    const after = (facts: KeyFacts): undefined => {
      const tags = [...new Set([...facts.tags, ...add])].filter((tag) => !remove.includes(tag));
      // Every tag that is named, also where nothing would change now: until the change is made, somebody else may make another.
      return judge(options, asked, keyId, [...add, ...remove], [facts, { ...facts, tags }], false);
    };
    return before instanceof Promise ? before.then(after) : after(before);
  };
}

function judge(
  { rules, mayRetag }: TagGateOptions,
  asked: Asked,
  keyId: string,
  changed: readonly string[],
  facts: readonly KeyFacts[],
  made: boolean,
): undefined {
  const { namespace } = asked;
  for (const rule of changed.length === 0 ? [] : rules(namespace, keyId, asked.principal)) {
    if (made && !rule.gives) continue;
    if (rule.namespaces !== "all" && !rule.namespaces.has(namespace)) continue;
    if (rule.keyIds?.has(keyId) === false) continue;
    const tag = changed.find((one) => rule.tags === "all" || rule.tags.has(one));
    if (tag === undefined) continue;
    if (mayRetag(asked, keyId, facts)) return undefined;
    throw new HsmError("PERMISSION_DENIED", `${rule.name} looks at the tag '${tag}': to change it needs key:retag`);
  }
  return undefined;
}

function madeAlgorithm(request: MessageShape<DescMessage>): string {
  const { algorithm, asKey } = request as { readonly algorithm?: number; readonly asKey?: { readonly algorithm?: number } };
  return algorithmName(asKey?.algorithm ?? algorithm ?? 0) ?? "";
}
