/**
 * A policy document made ready for decisions: rules found by who asks and what is needed, conditions planned.
 *
 * A compiled policy never changes; another document is another policy. What is worked out for a principal is kept with
 * the principal's own object, so it is gone with either of the two.
 */
import { HsmError } from "@keystead/contract/errors";
import type { Permission } from "@keystead/contract/permissions";
import type { PolicyDocument, RuleScope } from "@keystead/contract/policy/document";
import { isAboutKey, type KeyFamily } from "@keystead/contract/policy/key-families";
import { patternMatches, readMember } from "@keystead/contract/policy/members";
import type { Vouched } from "../claims.ts";
import { ClaimIndex } from "./claim-index.ts";
import { ConditionMistake } from "./condition-types.ts";
import { compileCondition, type Condition } from "./conditions.ts";
import { findRole, ROLES } from "./roles.ts";
import type { TagRule } from "./tag-gate.ts";

/** Where and when a rule holds, ready to be asked. */
export interface Scope {
  readonly id: string;
  readonly namespaces: "all" | ReadonlySet<string>;
  /** Both undefined: the rule is not about keys in particular. */
  readonly ids: ReadonlySet<string> | undefined;
  readonly tags: ReadonlySet<string> | undefined;
  readonly condition: Condition | undefined;
  /** Whether it holds depends on what the key is, not only on its id. */
  readonly readsKey: boolean;
}

/** One role of one binding. */
export interface Allowance extends Scope {
  readonly role: string;
  readonly permissions: ReadonlySet<Permission>;
  readonly families: ReadonlySet<KeyFamily> | undefined;
}

export interface Denial extends Scope {
  readonly permissions: ReadonlySet<Permission> | "all";
}

export interface ApprovalRule extends Scope {
  readonly description: string;
  readonly permissions: ReadonlySet<Permission>;
  readonly quorum: number;
  readonly role: string;
  readonly expirySeconds: number;
}

/** Whom rules may name. */
export interface Named {
  readonly id: string;
  /** What the issuer of its token said of it. */
  readonly vouched?: Vouched;
}

/** Rules that could matter to one principal. */
export interface Profile {
  readonly allowances: readonly Allowance[];
  readonly denials: readonly Denial[];
  /** The allowances that carry the permission. */
  allowing(permission: Permission): readonly Allowance[];
  denying(permission: Permission): readonly Denial[];
  /** Whether a decision about the permission may depend on what the key is. */
  readsKey(permission: Permission): boolean;
}

const NO_CONDITIONS: ReadonlyMap<string, Condition> = new Map();
const NONE: readonly never[] = Object.freeze([]);
/** Principals without a credential of their own: "everybody" gives nothing to them, and forbids them like others. */
const NAMELESS = "development";

export class CompiledPolicy {
  readonly document: PolicyDocument;
  readonly approvals: readonly ApprovalRule[];
  /** The rules that look at tags. */
  readonly tagRules: readonly TagRule[];
  /** Nothing in it: roles of credentials decide alone. */
  readonly empty: boolean;
  readonly #allowances: MemberIndex<Allowance>;
  readonly #denials: MemberIndex<Denial>;
  readonly #profiles = new WeakMap<object, Profile>();

  /** What a decision costs at most: rules, and the steps of their conditions. */
  readonly weight: number;

  /**
   * @param conditions those that are compiled already, by their text
   * @throws {HsmError} INVALID_REQUEST for a condition that does not compile
   */
  constructor(document: PolicyDocument, conditions: ReadonlyMap<string, Condition> = NO_CONDITIONS) {
    this.document = document;
    let weight = 0;
    const scopeOf = (rule: RuleScope, at: string): Scope => {
      const scope = compiledScope(rule, at, conditions);
      weight += 1 + (scope.condition?.steps ?? 0);
      return scope;
    };
    const tagRules: TagRule[] = [];
    this.tagRules = tagRules;
    const roles = new Map([...document.roles].map(([name, role]) => [name, compiledRole(role.permissions, role.families)] as const));
    const roleOf = (name: string): Pick<Allowance, "permissions" | "families"> =>
      roles.get(name) ?? compiledRole(ROLES[findRole(name) ?? ""] ?? [], undefined);
    const groups = [...document.groups].map(([name, group]) => [name, group.members] as const);
    this.#allowances = new MemberIndex(
      groups,
      document.bindings.map((binding, index) => {
        const scope = scopeOf(binding, `bindings[${index}]`);
        tagRules.push(...tagRulesOf("binding", scope));
        return [
          binding.members,
          binding.roles.map((role): Allowance => {
            const { permissions, families } = roleOf(role);
            // On keys, a role gives what is about keys: nobody reads a log because one key was handed to him, or because
            // a condition about keys says nothing against it.
            const given = aboutKeys(scope) ? new Set([...permissions].filter(isAboutKey)) : permissions;
            return { ...scope, role, permissions: given, families, readsKey: scope.readsKey || families !== undefined };
          }),
        ] as const;
      }),
    );
    this.#denials = new MemberIndex(
      groups,
      document.denials.map((denial, index) => {
        const scope = scopeOf(denial, `denials[${index}]`);
        tagRules.push(...tagRulesOf("denial", scope));
        const permissions = denial.permissions === "all" ? "all" : new Set(denial.permissions);
        return [denial.members, [{ ...scope, permissions } satisfies Denial]] as const;
      }),
    );
    this.approvals = document.approvals.map((approval, index) => ({
      ...scopeOf(approval, `approvals[${index}]`),
      description: approval.description,
      permissions: new Set(approval.permissions),
      quorum: approval.quorum,
      role: approval.role,
      expirySeconds: approval.expirySeconds,
    }));
    for (const approval of this.approvals) tagRules.push(...tagRulesOf("approval rule", approval));
    this.weight = weight;
    this.empty = document.bindings.length + document.denials.length + document.approvals.length === 0;
  }

  /** What could matter to the principal; worked out once for each principal object. */
  profile(principal: Named): Profile {
    let known = this.#profiles.get(principal);
    if (known === undefined) {
      const allowances = this.#allowances.of(principal, false);
      this.#profiles.set(principal, (known = new PrincipalProfile(allowances, this.#denials.of(principal, true))));
    }
    return known;
  }

  /** Of the rules that name claims, those that could matter to a principal of whose claims nothing is known. */
  byUnknownClaims(id: string): Profile {
    return new PrincipalProfile(this.#allowances.byClaims(id), this.#denials.byClaims(id));
  }
}

class PrincipalProfile implements Profile {
  readonly allowances: readonly Allowance[];
  readonly denials: readonly Denial[];
  readonly #allowing = new Map<Permission, readonly Allowance[]>();
  readonly #denying = new Map<Permission, readonly Denial[]>();

  constructor(allowances: readonly Allowance[], denials: readonly Denial[]) {
    this.allowances = allowances;
    this.denials = denials;
  }

  allowing(permission: Permission): readonly Allowance[] {
    let found = this.#allowing.get(permission);
    if (found === undefined) {
      found = this.allowances.filter(({ permissions }) => permissions.has(permission));
      this.#allowing.set(permission, found);
    }
    return found;
  }

  denying(permission: Permission): readonly Denial[] {
    let found = this.#denying.get(permission);
    if (found === undefined) {
      found = this.denials.filter(({ permissions }) => permissions === "all" || permissions.has(permission));
      this.#denying.set(permission, found);
    }
    return found;
  }

  readsKey(permission: Permission): boolean {
    const reads = ({ readsKey }: Scope): boolean => readsKey;
    return this.allowing(permission).some(reads) || this.denying(permission).some(reads);
  }
}

/** What stands under members: by name, by pattern, by claim, and for everybody. */
class MemberIndex<T> {
  readonly #entries = new Members<T>();
  readonly #claims = new ClaimIndex<T>();
  readonly #groups = new Members<string>();
  readonly #byGroup = new Map<string, T[]>();

  /** Groups are not written out into every rule that names them: the work grows with the document, and not with its square. */
  constructor(
    groups: readonly (readonly [name: string, members: readonly string[]])[],
    rules: readonly (readonly [members: readonly string[], rules: readonly T[]])[],
  ) {
    for (const [name, members] of groups) for (const text of new Set(members)) this.#groups.put(text, [name]);
    for (const [members, made] of rules)
      for (const text of new Set(members)) {
        const member = readMember(text);
        if (member?.kind === "claim") this.#claims.put(member, made);
        else if (member?.kind === "group") append(this.#byGroup, member.name, made);
        else this.#entries.put(text, made);
      }
  }

  /** The rules that name the principal, each once. @param forbids whatever could mean the principal does */
  of({ id, vouched }: Named, forbids: boolean): readonly T[] {
    const groups = new Set(this.#groups.of(id, forbids));
    const found = [
      ...this.#entries.of(id, forbids),
      ...[...groups].flatMap((name): readonly T[] => this.#byGroup.get(name) ?? NONE),
      ...(vouched === undefined ? NONE : this.#claims.of(vouched, forbids)),
    ];
    return found.length === 0 ? NONE : [...new Set(found)];
  }

  /** The rules with claims of the principal's issuer. */
  byClaims(id: string): readonly T[] {
    return [...new Set(this.#claims.ofIssuerOf(id))];
  }
}

class Members<T> {
  readonly #exact = new Map<string, T[]>();
  readonly #patterns = new Map<string, T[]>();
  readonly #everybody: T[] = [];

  put(text: string, made: readonly T[]): void {
    const member = readMember(text);
    if (member?.kind === "everybody") this.#everybody.push(...made);
    else if (member?.kind === "pattern") append(this.#patterns, member.prefix, made);
    else if (member?.kind === "principal") append(this.#exact, member.id, made);
  }

  of(id: string, forbids: boolean): readonly T[] {
    return [
      ...(this.#exact.get(id) ?? NONE),
      ...[...this.#patterns].filter(([prefix]) => patternMatches(prefix, id, forbids)).flatMap(([, made]): readonly T[] => made),
      ...(forbids || id !== NAMELESS ? this.#everybody : NONE),
    ];
  }
}

function append<T>(map: Map<string, T[]>, name: string, more: readonly T[]): void {
  const there = map.get(name);
  if (there === undefined) map.set(name, [...more]);
  else there.push(...more);
}

/** The rule is about some keys rather than all. */
const aboutKeys = ({ ids, condition }: Scope): boolean => ids !== undefined || condition?.aboutKey === true;

const compiledRole = (
  permissions: readonly Permission[],
  families: readonly KeyFamily[] | undefined,
): Pick<Allowance, "permissions" | "families"> => ({
  permissions: new Set(permissions),
  families: families === undefined ? undefined : new Set(families),
});

/** What a rule looks at: a condition may give or lift, whatever kind of rule it is of. */
function tagRulesOf(kind: "binding" | "denial" | "approval rule", { id, namespaces, tags, condition }: Scope): TagRule[] {
  const name = `${kind} '${id}' of the policy`;
  return [
    ...(tags === undefined || tags.size === 0 ? [] : [{ name, tags, namespaces, gives: kind === "binding" }]),
    ...(condition?.tags === undefined ? [] : [{ name, tags: condition.tags, namespaces, gives: true }]),
  ];
}

function compiledScope(
  { id, namespaces, keys, condition: text }: RuleScope,
  at: string,
  conditions: ReadonlyMap<string, Condition>,
): Scope {
  let condition: Condition | undefined;
  try {
    condition = text === undefined ? undefined : (conditions.get(text) ?? compileCondition(text));
  } catch (error) {
    if (!(error instanceof ConditionMistake)) throw error;
    throw new HsmError("INVALID_REQUEST", `policy: ${at}.condition: ${error.message}`);
  }
  return {
    id,
    namespaces: namespaces.includes("*") ? "all" : new Set(namespaces),
    ids: keys === undefined ? undefined : new Set(keys.ids),
    tags: keys === undefined ? undefined : new Set(keys.tags),
    condition,
    readsKey: (keys?.tags.length ?? 0) > 0 || condition?.aboutKey === true,
  };
}
