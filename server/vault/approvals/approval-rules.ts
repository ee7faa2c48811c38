/**
 * The approval rules of the configuration: which requests others must agree to.
 *
 * A rule names operations, or permissions and with them every request that needs one, and may narrow them to namespaces
 * and to keys with one of some tags. A rule by tag also holds for changing what is said about such a key, and for making a
 * key one of them: otherwise taking the tag away, or giving it later, would take the rule away. Rules only ever raise; none
 * can lift what another raised.
 */
import type { ApprovalRuleConfig } from "@keystead/contract/config";
import { mayNeedApproval } from "@keystead/contract/approval-scope";
import { HsmError } from "@keystead/contract/errors";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { outOfPlace } from "@keystead/contract/server-wide";
import type { TagRule } from "../authorize/tag-gate.ts";
import type { ApprovalDemand, Asked } from "../gate.ts";

/** The tags of a key that a principal asks for; none when there is no such key for them. */
export type TagsOf = (namespace: string, keyId: string, principal: Asked["principal"]) => Promise<readonly string[]>;

interface Rule {
  readonly demand: ApprovalDemand;
  /** Empty = all. */
  readonly namespaces: ReadonlySet<string>;
  readonly tags: ReadonlySet<string>;
}

export class ApprovalRules {
  readonly #byOperation = new Map<string, Rule[]>();
  /** For what a request needs besides its operation's permission. */
  readonly #byPermission = new Map<string, Rule[]>();
  /** The rules that look at tags. They only ever raise, so a tag that is there from the first on gives nothing. */
  readonly tagRules: readonly TagRule[];

  /**
   * @throws {HsmError} INVALID_REQUEST for a rule without quorum, roles or operations, or for an operation that cannot wait:
   *   a rule that means nothing must not look like one that protects
   */
  constructor(rules: readonly ApprovalRuleConfig[]) {
    this.tagRules = rules.flatMap(({ name, namespaces, keyTags }) =>
      keyTags.length === 0
        ? []
        : [
            {
              name: `approval rule '${name}'`,
              tags: new Set(keyTags),
              namespaces: namespaces.length === 0 ? ("all" as const) : new Set(namespaces),
              gives: false,
            },
          ],
    );
    for (const given of rules) {
      const demand: ApprovalDemand = {
        rule: given.name,
        quorum: given.quorum,
        roles: given.roles,
        expirySeconds: given.expirySeconds,
        reason: given.reason,
      };
      requireDemand(demand);
      const rule: Rule = { demand, namespaces: new Set(given.namespaces), tags: new Set(given.keyTags) };
      const unknown = given.operations.find((name) => !OPERATIONS.some((row) => row.name === name && mayNeedApproval(row)));
      if (unknown !== undefined) throw new HsmError("INVALID_REQUEST", `approval rule ${given.name}: ${unknown} cannot wait for approval`);
      const rows = OPERATIONS.filter(
        (row) => mayNeedApproval(row) && (given.operations.includes(row.name) || given.permissions.includes(row.permission)),
      );
      if (rows.length === 0) throw new HsmError("INVALID_REQUEST", `approval rule ${given.name} is about no operation`);
      const untagging = rule.tags.size === 0 ? [] : OPERATIONS.filter((row) => row.permission === "key:update");
      for (const name of new Set([...rows, ...untagging].map((row) => row.name)))
        this.#byOperation.set(name, [...(this.#byOperation.get(name) ?? []), rule]);
      for (const name of new Set(given.permissions)) this.#byPermission.set(name, [...(this.#byPermission.get(name) ?? []), rule]);
    }
  }

  /** What the rules demand for a request; at once where no rule is about the operation, or none asks for a key's tags. */
  demandsFor(asked: Asked, tagsOf: TagsOf): readonly ApprovalDemand[] | Promise<readonly ApprovalDemand[]> {
    const rules = this.#rulesFor(asked);
    if (rules.length === 0) return NONE;
    const near = rules.filter(({ namespaces }) => namespaces.size === 0 || namespaces.has(asked.namespace));
    if (near.every(({ tags }) => tags.size === 0)) return near.map(({ demand }) => demand);
    return tagsFor(asked, tagsOf).then((found) =>
      near.filter(({ tags }) => tags.size === 0 || found.some((tag) => tags.has(tag))).map(({ demand }) => demand),
    );
  }

  #rulesFor({ operation, request }: Asked): readonly Rule[] {
    const rules = this.#byOperation.get(operation.name) ?? NO_RULES;
    if (operation.demands === undefined || this.#byPermission.size === 0 || !mayNeedApproval(operation)) return rules;
    return [...new Set([...rules, ...operation.demands(request).flatMap((demand) => this.#byPermission.get(demand) ?? NO_RULES)])];
  }
}

/**
 * Rules with namespaces about what is the server's look as if they protected something, and never are about a request.
 *
 * @throws {HsmError} INVALID_REQUEST naming the rule
 */
export function requirePlaces(rules: readonly ApprovalRuleConfig[]): void {
  for (const rule of rules) {
    const [name] = outOfPlace(rule);
    if (name !== undefined)
      throw new HsmError(
        "INVALID_REQUEST",
        `approval rule ${rule.name}: ${name} is about the server, so a rule with namespaces is never about it`,
      );
  }
}

const NONE: readonly ApprovalDemand[] = Object.freeze([]);
const NO_RULES: readonly Rule[] = Object.freeze([]);

/**
 * A demand that everybody or nobody would meet is a mistake of whoever raised it, and not a request to wait for.
 *
 * @throws {HsmError} INVALID_REQUEST
 */
export function requireDemand({ rule, quorum, roles, expirySeconds }: ApprovalDemand): void {
  if (!Number.isSafeInteger(quorum) || quorum < 1)
    throw new HsmError("INVALID_REQUEST", `approval rule ${rule}: the quorum must be 1 or more`);
  if (roles.length === 0 || roles.some((role) => role === ""))
    throw new HsmError("INVALID_REQUEST", `approval rule ${rule}: it names no role`);
  if (!(expirySeconds > 0)) throw new HsmError("INVALID_REQUEST", `approval rule ${rule}: the time to wait must be above 0`);
}

/** Tags that the request is about: those of the keys it names, and those that it would give to them or to a new one. */
async function tagsFor({ principal, request, namespace, keyId, otherKeyId }: Asked, tagsOf: TagsOf): Promise<readonly string[]> {
  const {
    tags = [],
    addTags = [],
    asKey,
  } = request as { tags?: readonly string[]; addTags?: readonly string[]; asKey?: { tags?: readonly string[] } };
  const named = await Promise.all([keyId, otherKeyId].filter((id) => id !== "").map((id) => tagsOf(namespace, id, principal)));
  return [...tags, ...addTags, ...(asKey?.tags ?? []), ...named.flat()];
}
