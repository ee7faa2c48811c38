/**
 * Delegations: a principal who may use a key lets another do one thing with it.
 *
 * A delegation is a document. It gives nothing of its own: each time, the one who gave it must be allowed the same thing
 * in the same circumstances, so it ends with what they hold. What their credential carried and no rule gives them ends
 * with that credential. It is not handed on: who holds something by delegation alone cannot delegate it.
 */
import type { Permission } from "@keystead/contract/permissions";
import type { CompiledPolicy } from "./compile.ts";
import { compileCondition, type Condition, type Situation } from "./conditions.ts";
import { decide, type Asker, type Note } from "./decide.ts";

/** A delegation as it is stored. */
export interface Delegation {
  readonly from: string;
  readonly to: string;
  readonly namespace: string;
  readonly keyId: string;
  readonly operation: string;
  readonly permission: Permission;
  /** CEL; empty for none. */
  readonly condition: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch; 0 = as long as what it hands on. */
  readonly expiresAt: number;
  /** It hands on what the giver's credential carried; `expiresAt` is not after that credential's end. */
  readonly byCredential: boolean;
}

/**
 * What somebody holds without showing a credential, by the configuration or as a user; undefined when only the policy can
 * know the id, "gone" for a user who is no more or is disabled.
 */
export type Standing = (id: string) => Asker | "gone" | undefined;

/** The delegations that decisions ask. */
export interface DelegationsInForce {
  readonly count: number;
  /** Those to the principal for this, whether or not they hold now. */
  to(id: string, namespace: string, keyId: string, operation: string): readonly { readonly id: string }[];
  /** The id of one that holds, or undefined. */
  standing(
    policy: CompiledPolicy,
    situation: Situation,
    permission: Permission,
    admitted: boolean,
    notes: Note[] | undefined,
  ): string | undefined;
}

interface Held {
  readonly id: string;
  readonly delegation: Delegation;
  readonly condition: Condition | undefined;
  /** The giver as far as this delegation itself says; undefined: whatever it is at the time of use. */
  readonly giver: Asker | undefined;
  /** The giver of whom nothing is known but what the policy says. */
  readonly unknown: Asker;
}

const NONE: readonly Held[] = Object.freeze([]);

/** Nobody has handed on anything. */
export const NO_DELEGATIONS: DelegationsInForce = Object.freeze({ count: 0, to: () => NONE, standing: () => undefined });

const place = (to: string, namespace: string, keyId: string, operation: string): string =>
  JSON.stringify([to, namespace, keyId, operation]);

export class Delegations implements DelegationsInForce {
  readonly #standing: Standing;
  readonly #places = new Map<string, readonly Held[]>();
  readonly #byId = new Map<string, Delegation>();

  constructor(standing: Standing) {
    this.#standing = standing;
  }

  get count(): number {
    return this.#byId.size;
  }

  /** Takes in a stored delegation, or its removal. */
  note(id: string, now: Delegation | undefined): void {
    const before = this.#byId.get(id);
    if (before !== undefined) {
      const at = place(before.to, before.namespace, before.keyId, before.operation);
      const left = (this.#places.get(at) ?? NONE).filter((held) => held.id !== id);
      if (left.length === 0) this.#places.delete(at);
      else this.#places.set(at, left);
      this.#byId.delete(id);
    }
    if (now === undefined) return;
    const at = place(now.to, now.namespace, now.keyId, now.operation);
    const held: Held = {
      id,
      delegation: now,
      condition: now.condition === "" ? undefined : compileCondition(now.condition),
      giver: now.byCredential ? { id: now.from, permissions: new Set([now.permission]), namespaces: new Set([now.namespace]) } : undefined,
      unknown: { id: now.from, permissions: new Set(), namespaces: "all" },
    };
    this.#places.set(at, [...(this.#places.get(at) ?? NONE), held]);
    this.#byId.set(id, now);
  }

  to(id: string, namespace: string, keyId: string, operation: string): readonly Held[] {
    return this.#places.get(place(id, namespace, keyId, operation)) ?? NONE;
  }

  standing(
    policy: CompiledPolicy,
    situation: Situation,
    permission: Permission,
    admitted: boolean,
    notes: Note[] | undefined,
  ): string | undefined {
    for (const { id, delegation, condition, giver: named, unknown } of this.to(
      situation.principal,
      situation.namespace,
      situation.keyId,
      situation.operation,
    )) {
      const why = ((): string => {
        if (delegation.permission !== permission) return "it is for another permission";
        if (delegation.expiresAt !== 0 && situation.time >= delegation.expiresAt) return "it has expired";
        if (condition !== undefined && condition.holds(situation) !== true) return "its condition does not hold";
        const giver = named ?? this.#standing(unknown.id) ?? unknown;
        if (giver === "gone") return `${unknown.id} is no more`;
        // The giver shows no second factor here, so nothing that needs one is handed on.
        const giving = { ...situation, principal: giver.id, method: "delegation", secondFactorAt: undefined };
        const verdict = decide(policy, { asker: giver, situation: giving, needs: [permission], listing: false, admitted });
        return verdict.allowed ? "" : `${giver.id} may not do it either`;
      })();
      notes?.push({ rule: "delegation", name: id, permission, applies: why === "", detail: why === "" ? `by ${unknown.id}` : why });
      if (why === "") return id;
    }
    return undefined;
  }
}
