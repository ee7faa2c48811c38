/**
 * The decision: may this principal do this here? decide.ts has the rules; here they meet what is so now.
 *
 * In order, and the first refusal stands: an explicit denial of the policy; a namespace out of the credential's reach;
 * the namespace's address rules; each needed permission by role, binding or delegation. The answer to a namespace out of
 * reach is the same whether it exists or not. The server's own ceremonies are its own business: their roles decide alone.
 *
 * What a key is (its algorithm and tags) is looked up only when a rule that could matter reads it, so most decisions wait
 * for nothing.
 *
 * @see ARCHITECTURE.md "The life of one Sign"
 */
import type { NamespaceConfig } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import type { KeyUse, Operation } from "@keystead/contract/operation";
import type { Permission } from "@keystead/contract/permissions";
import { EMPTY_POLICY_TEXT } from "@keystead/contract/policy/document";
import { parsePolicy } from "@keystead/contract/policy/parse";
import type { Principal } from "../authenticate/principal.ts";
import type { Gate } from "../gate.ts";
import { issueGrant, type Grant } from "../grant.ts";
import { addressRule, admits, type AddressRule } from "../address-rule.ts";
import { CompiledPolicy, type Allowance, type ApprovalRule, type Named } from "./compile.ts";
import type { Situation } from "./conditions.ts";
import { CountedUses } from "./counted-uses.ts";
import { decide, type Case, type Verdict } from "./decide.ts";
import { NO_DELEGATIONS, type DelegationsInForce } from "./delegations.ts";
import { NO_FACTS, requestFacts, type KeyFacts, type RequestFacts } from "./request-facts.ts";
import { findRole } from "./roles.ts";
import { tagGate, type TagRule } from "./tag-gate.ts";

/** What the decision is about. */
export interface Question extends RequestFacts {
  readonly principal: Principal;
  readonly operation: Operation;
  /** Empty for operations about the server, or about everything within reach. */
  readonly namespace: string;
  readonly keyId: string;
  /** Client address as the gateway saw it. */
  readonly address: string;
  /** Permissions this request needs beyond the operation's own. */
  readonly demands?: readonly Permission[];
  /** How much data the request brings. */
  readonly bytes?: number;
  /** The use decided on, where it is of another key than the operation's own. */
  readonly use?: KeyUse;
  /** It is an item of a batch. */
  readonly batched?: boolean;
  /** It waited for approval, and came with a proof for one use of a key that asks for one. */
  readonly proven?: boolean;
  /** Told of the grant that the decision rests on, where it does. */
  readonly uses?: Pick<CountedUses, "rests">;
}

/** What is in force while the vault is open. */
export interface PolicyParts {
  /** The compiled document; another object after every change. */
  readonly policy: () => CompiledPolicy;
  readonly delegations: DelegationsInForce;
  /** What the key is; at once when it is known already. */
  readonly keyFacts: (namespace: string, keyId: string, principal: Principal) => KeyFacts | Promise<KeyFacts>;
}

/** Which namespaces are kept out of an answer. */
export interface HiddenNamespaces {
  has(namespace: string): boolean;
  /** Of a namespace that may be seen: what is about one of the same name that there was before. @param time ISO 8601 */
  former?(namespace: string, time: string): boolean;
}

/** Whether a key may be in an answer about many. */
export type KeyView = (keyId: string, facts: KeyFacts) => boolean;

const NO_POLICY = new CompiledPolicy(parsePolicy(EMPTY_POLICY_TEXT, findRole));
const CLOSED: PolicyParts = { policy: () => NO_POLICY, delegations: NO_DELEGATIONS, keyFacts: () => NO_FACTS };
const NOTHING_HIDDEN: HiddenNamespaces = Object.freeze({ has: () => false });
/** What an answer about everything is put together of, one namespace at a time; and one about a namespace, key by key. */
const PER_NAMESPACE: ReadonlySet<Permission> = new Set<Permission>(["namespace:read", "audit:view", "token:read"]);
const PER_KEY: ReadonlySet<Permission> = new Set<Permission>(["key:read"]);
const NO_DEMANDS: readonly Permission[] = [];

export class Authorizer {
  readonly #addressRules = new Map<string, AddressRule>();
  readonly #now: () => number;
  #parts = CLOSED;

  /** @throws {TypeError} for a range that is no address or CIDR (configuration is checked before) */
  constructor(namespaces: Readonly<Record<string, NamespaceConfig>>, now: () => number = Date.now) {
    this.#now = now;
    for (const [name, { allowedIps, deniedIps }] of Object.entries(namespaces)) {
      const rule = addressRule(allowedIps, deniedIps);
      if (rule !== undefined) this.#addressRules.set(name, rule);
    }
  }

  /** From now on these are in force; undefined: nothing but the roles of credentials. */
  use(parts: PolicyParts | undefined): void {
    this.#parts = parts ?? CLOSED;
  }

  /**
   * Decides; at once, unless a rule must know more of the key than is known already.
   *
   * @returns the Grant that opens the key, for operations that use one
   * @throws {HsmError} PERMISSION_DENIED, one detail for every reason
   */
  decide(question: Question): Grant | undefined | Promise<Grant | undefined> {
    const facts = this.#factsFor(question);
    return facts instanceof Promise ? facts.then((known) => this.#grant(question, known)) : this.#grant(question, facts);
  }

  /** For the uses of grants that one request takes. */
  uses(): CountedUses {
    return new CountedUses(this.#parts.delegations);
  }

  /** A request as the rules see it, with the policy they are in: for explanations. */
  async caseOf(question: Question): Promise<Case> {
    const known =
      question.made ??
      (question.keyId === "" ? NO_FACTS : await this.#parts.keyFacts(question.namespace, question.keyId, question.principal));
    return this.#case(question, known);
  }

  /**
   * Namespaces that are kept out of an answer about everything within reach: those that the caller could not ask for
   * this by name.
   */
  hiddenFrom(principal: Principal, address: string, operation: Operation, demands: readonly Permission[] = NO_DEMANDS): HiddenNamespaces {
    if (principal.method === "ceremony") return NOTHING_HIDDEN;
    const policy = this.#parts.policy();
    const known = new Map<string, boolean>();
    return {
      has: (namespace) => {
        let hidden = known.get(namespace);
        if (hidden === undefined) {
          // Also of what is about no namespace: whoever may see one namespace's part of an answer may not see the server's.
          const asked = { ...this.#case({ principal, operation, namespace, keyId: "", address, demands }, NO_FACTS), listing: false };
          hidden = (namespace === "" && principal.namespaces !== "all") || !decide(policy, asked).allowed;
          known.set(namespace, hidden);
        }
        return hidden;
      },
    };
  }

  /** Which keys of the namespace may be in an answer; undefined: all. */
  visibleKeys(question: Question): KeyView | undefined {
    const { principal, operation, namespace } = question;
    if (principal.method === "ceremony") return undefined;
    const policy = this.#parts.policy();
    const profile = policy.profile(principal);
    const { permission } = operation;
    const aboutSome = ({
      ids,
      condition,
    }: {
      readonly ids: unknown;
      readonly condition: { readonly aboutKey: boolean } | undefined;
    }): boolean => ids !== undefined || condition?.aboutKey === true;
    const whole = { ...this.#case(question, NO_FACTS), listing: false };
    // A condition about keys says nothing of all of them: where it holds for no key in particular, it may not for one.
    const dependent =
      principal.view !== undefined ||
      profile.denying(permission).some(aboutSome) ||
      (!principal.permissions.has(permission) && profile.allowing(permission).some(({ condition }) => condition?.aboutKey === true));
    if (!dependent && decide(policy, whole).allowed) return undefined;
    const base = { ...whole, needs: [permission] };
    return (keyId, { algorithm, tags }) =>
      decide(policy, { ...base, situation: { ...base.situation, namespace, keyId, algorithm, tags } }).allowed;
  }

  /** Raises what the policy's approval rules demand. */
  readonly approvals: Gate = (asked) => {
    const policy = this.#parts.policy();
    if (policy.approvals.length === 0 || asked.principal.method === "ceremony") return undefined;
    const { operation, request } = asked;
    const demands = operation.demands?.(request) ?? NO_DEMANDS;
    const questions: Question[] = [{ ...asked, ...requestFacts(operation, request), demands }];
    if (asked.otherKeyId !== "" && operation.other !== undefined)
      questions.push(aboutOther({ ...asked }, operation.other, asked.otherKeyId, demands));
    const raised = new Map<string, ApprovalRule>();
    const raise = (question: Question, facts: KeyFacts): void => {
      for (const seen of this.#factsSeen(question, facts)) {
        const verdict = decide(policy, this.#case(question, seen));
        if (verdict.allowed) for (const rule of verdict.approvals) raised.set(rule.id, rule);
      }
    };
    const tell = (): undefined => {
      for (const { id, quorum, role, expirySeconds, description } of raised.values())
        asked.raise({ rule: id, quorum, roles: [role], expirySeconds, reason: description });
      return undefined;
    };
    const facts = questions.map((question) => this.#factsFor(question));
    if (facts.some((one) => one instanceof Promise))
      return Promise.all(facts).then((known) => {
        for (const [index, question] of questions.entries()) raise(question, known[index] as KeyFacts);
        return tell();
      });
    for (const [index, question] of questions.entries()) raise(question, facts[index] as KeyFacts);
    return tell();
  };

  /** Holds back nothing, and refuses changes of tags that rules in force look at. @param others rules that stand elsewhere */
  tags(others: (principal: Principal) => Iterable<TagRule>): Gate {
    return tagGate({
      rules: (namespace, keyId, principal) => [
        ...this.#parts.policy().tagRules,
        ...this.#parts.delegations.tagRules(namespace, keyId),
        ...others(principal),
      ],
      keyFacts: (namespace, keyId, principal) => this.#parts.keyFacts(namespace, keyId, principal),
      mayRetag: ({ principal, operation, namespace, address }, keyId, facts) =>
        facts.every((seen) => {
          const { delegated: _, ...asked } = this.#case({ principal, operation, namespace, keyId, address }, seen);
          return decide(this.#policyFor(principal), { ...asked, needs: ["key:retag"], listing: false }).allowed;
        }),
    });
  }

  /** The roles that somebody has in a namespace (empty: on the server), by credential and by bindings that hold now. */
  rolesOf(principal: Principal, namespace: string, address: string): ReadonlySet<string> {
    const roles = new Set<string>();
    if (namespace === "" || principal.namespaces === "all" || principal.namespaces.has(namespace))
      for (const role of principal.roles) roles.add(role);
    const situation = this.#situation({ principal, namespace, keyId: "", address }, "", NO_FACTS);
    for (const { role, namespaces, ids, condition } of this.#parts.policy().profile(principal).allowances)
      if (
        ids === undefined &&
        (namespaces === "all" || namespaces.has(namespace)) &&
        (condition === undefined || (!condition.aboutKey && condition.holds(situation) === true))
      )
        roles.add(role);
    return roles;
  }

  /**
   * Whether bindings of the policy give somebody a permission that another's credential does not carry, other than by a
   * binding of both. Conditions and keys count as met. Where, is not looked at: no binding reaches beyond a credential.
   */
  givesMore(to: Named, than: Principal): boolean {
    const policy = this.#policyFor(than);
    const shared = new Set(policy.profile(than).allowances);
    const held = ({ permissions }: Allowance): boolean => [...permissions].every((permission) => than.permissions.has(permission));
    return policy.profile({ ...to }).allowances.some((allowance) => !shared.has(allowance) && !held(allowance));
  }

  /** Whether a binding or a group names the principal by its id; what a condition says of it counts too. */
  names(id: string): boolean {
    const { bindings, groups } = this.#parts.policy().document;
    return (
      bindings.some(({ members, condition }) => members.includes(id) || condition?.includes(id) === true) ||
      [...groups.values()].some(({ members }) => members.includes(id))
    );
  }

  #grant(question: Question, facts: KeyFacts): Grant | undefined {
    const { principal, operation, namespace, keyId, bytes, use = operation.usage } = question;
    const policy = this.#policyFor(principal);
    for (const seen of this.#factsSeen(question, facts)) if (!this.#verdict(policy, question, seen).allowed) throw denied(operation);
    if (use === undefined) return undefined;
    return issueGrant({
      principal: principal.id,
      operation: operation.name,
      namespace,
      keyId,
      usage: use,
      ...(bytes === undefined ? {} : { bytes }),
      mayUseRevoked: this.#mayUseRevoked(policy, question, facts),
      // One proof is for one use: a batch would make many of it.
      ...((principal.session?.once !== undefined || question.proven === true) && question.batched !== true
        ? { reauthenticated: true }
        : {}),
    });
  }

  #verdict(policy: CompiledPolicy, question: Question, facts: KeyFacts): Verdict {
    return decide(policy, this.#case(question, facts));
  }

  #mayUseRevoked(policy: CompiledPolicy, question: Question, facts: KeyFacts): boolean {
    const { principal } = question;
    const could = principal.permissions.has("key:use_revoked") || policy.profile(principal).allowing("key:use_revoked").length > 0;
    if (!could) return false;
    const { delegated: _, ...asked } = this.#case(question, facts);
    return decide(policy, { ...asked, needs: ["key:use_revoked"] }).allowed;
  }

  #policyFor(principal: Principal): CompiledPolicy {
    return principal.method === "ceremony" ? NO_POLICY : this.#parts.policy();
  }

  /** The facts that count, before and, where tags change, after. */
  #factsSeen({ after }: Question, facts: KeyFacts): readonly KeyFacts[] {
    return after === undefined ? [facts] : [facts, after(facts)];
  }

  /** Looks the key up when a rule reads what it is. */
  #factsFor({ principal, operation, namespace, keyId, demands = NO_DEMANDS, made }: Question): KeyFacts | Promise<KeyFacts> {
    if (made !== undefined) return made;
    if (keyId === "") return NO_FACTS;
    const policy = this.#policyFor(principal);
    const { delegations, keyFacts } = this.#parts;
    if (principal.view === undefined && policy.empty && delegations.count === 0) return NO_FACTS;
    const profile = policy.profile(principal);
    const reads =
      principal.view !== undefined ||
      profile.readsKey(operation.permission) ||
      demands.some((permission) => profile.readsKey(permission)) ||
      profile.readsKey("key:use_revoked") ||
      policy.approvals.some(({ readsKey }) => readsKey) ||
      delegations.to(principal.id, namespace, keyId, operation.name).length > 0;
    return reads ? keyFacts(namespace, keyId, principal) : NO_FACTS;
  }

  #case(question: Question, facts: KeyFacts): Case {
    const { principal, operation, namespace, keyId, address, demands = NO_DEMANDS } = question;
    const situation = this.#situation(question, operation.name, facts);
    const admitted = this.#admits(principal, namespace, address);
    const listing =
      operation.effect === "read" &&
      (namespace === "" ? PER_NAMESPACE : PER_KEY).has(operation.permission) &&
      (namespace === "" || keyId === "");
    const { delegations } = this.#parts;
    return {
      asker: principal,
      situation,
      needs: demands.length === 0 ? [operation.permission] : [operation.permission, ...demands],
      listing,
      admitted,
      ...(delegations.count === 0 || keyId === ""
        ? {}
        : {
            delegated: (notes) => {
              const id = delegations.standing(this.#parts.policy(), situation, operation.permission, admitted, notes);
              if (id !== undefined) question.uses?.rests(id);
              return id;
            },
          }),
    };
  }

  #situation(
    { principal, namespace, keyId, address }: Pick<Question, "principal" | "namespace" | "keyId" | "address">,
    operation: string,
    { algorithm, tags }: KeyFacts,
  ): Situation {
    return {
      time: this.#now(),
      address,
      operation,
      namespace,
      keyId,
      algorithm,
      tags,
      principal: principal.id,
      method: principal.method,
      secondFactorAt: principal.mfaAt,
    };
  }

  #admits(principal: Principal, namespace: string, address: string): boolean {
    const rule = this.#addressRules.get(namespace);
    // A ceremony is the server's own and comes from no address.
    return rule === undefined || principal.method === "ceremony" || admits(rule, address);
  }
}

/** The question about the second key that a request names. */
export const aboutOther = (
  question: Question,
  { as, use }: NonNullable<Operation["other"]>,
  keyId: string,
  demands: readonly Permission[],
): Question =>
  as === undefined
    ? { ...question, keyId, demands, ...(use === undefined ? {} : { use }) }
    : { ...question, operation: as, keyId, demands: NO_DEMANDS };

const denied = (operation: Operation): HsmError => new HsmError("PERMISSION_DENIED", `${operation.name} is not permitted here`);
