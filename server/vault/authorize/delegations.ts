/**
 * Delegations: a principal who may use a key lets another do one thing with it.
 *
 * A delegation is a document. It gives nothing of its own: each time, the one who gave it must be allowed the same thing
 * in the same circumstances, so it ends with what they hold. What their credential carried and no rule gives them ends
 * with that credential. It is not handed on: who holds something by delegation alone cannot delegate it.
 */
import { HsmError } from "@keystead/contract/errors";
import type { Permission } from "@keystead/contract/permissions";
import type { Change } from "../objects/change.ts";
import type { Documents } from "../objects/documents.ts";
import type { CompiledPolicy } from "./compile.ts";
import { compileCondition, type Condition, type Situation } from "./conditions.ts";
import type { UseLedger } from "./counted-uses.ts";
import type { TagRule } from "./tag-gate.ts";
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
  /** How often it may be used; left out = as often as one likes. */
  readonly maxUses?: number;
  /** Of a grant with `maxUses`: how often it was. */
  readonly used?: number;
}

/** Nothing can come of it any more. */
export const isOver = ({ expiresAt, maxUses, used = 0 }: Delegation, now: number): boolean =>
  (expiresAt !== 0 && expiresAt <= now) || (maxUses !== undefined && used >= maxUses);

/**
 * What somebody holds without showing a credential, by the configuration or as a user; undefined when only the policy can
 * know the id, "gone" for a user who is no more or is disabled.
 */
export type Standing = (id: string) => Asker | "gone" | undefined;

/** The delegations that decisions ask. */
export interface DelegationsInForce extends UseLedger {
  readonly count: number;
  /** Those to the principal for this, whether or not they hold now. */
  to(id: string, namespace: string, keyId: string, operation: string): readonly { readonly id: string }[];
  /** Those of the key that look at its tags. */
  tagRules(namespace: string, keyId: string): readonly TagRule[];
  /** The id of one that holds, or undefined. */
  standing(
    policy: CompiledPolicy,
    situation: Situation,
    permission: Permission,
    admitted: boolean,
    notes: Note[] | undefined,
  ): string | undefined;
}

/** One in memory. */
export interface HeldDelegation {
  readonly id: string;
  readonly delegation: Delegation;
  readonly condition: Condition | undefined;
  /** The giver as far as this delegation itself says; undefined: whatever it is at the time of use. */
  readonly giver: Asker | undefined;
  /** The giver of whom nothing is known but what the policy says. */
  readonly unknown: Asker;
}

const NONE: readonly HeldDelegation[] = Object.freeze([]);
const gone = (): HsmError => new HsmError("PERMISSION_DENIED", "the grant that this rests on was taken back");

/** Nobody has handed on anything. */
export const NO_DELEGATIONS: DelegationsInForce = Object.freeze({
  count: 0,
  to: () => NONE,
  tagRules: () => NONE as readonly never[],
  standing: () => undefined,
  take: () => false,
  giveBack: () => undefined,
  spend: () => Promise.reject(gone()),
});

const place = (to: string, namespace: string, keyId: string, operation: string): string =>
  JSON.stringify([to, namespace, keyId, operation]);

export class Delegations implements DelegationsInForce {
  readonly #standing: Standing;
  readonly #documents: Documents;
  /** Uses of requests that are not durable yet, by grant. */
  readonly #taken = new Map<string, number>();
  readonly #places = new Map<string, readonly HeldDelegation[]>();
  readonly #byId = new Map<string, Delegation>();

  /** Knows what is in the documents, and follows what becomes of them. */
  constructor(documents: Documents, standing: Standing) {
    this.#documents = documents;
    this.#standing = standing;
    for (const { id, value } of documents.list<Delegation>("delegation")) this.#note(id, value);
    documents.watch("delegation", (id, document) => this.#note(id, document?.value as Delegation | undefined));
  }

  get count(): number {
    return this.#byId.size;
  }

  tagRules(namespace: string, keyId: string): readonly TagRule[] {
    // Looked for anew: tags change seldom.
    return [...this.#places.values()]
      .flat()
      .flatMap(({ id, delegation, condition }) =>
        condition?.tags === undefined || delegation.namespace !== namespace || delegation.keyId !== keyId
          ? []
          : [{ name: `grant ${id}`, tags: condition.tags, namespaces: "all" as const, gives: true }],
      );
  }

  take(id: string): boolean {
    const delegation = this.#byId.get(id);
    if (delegation === undefined || this.#left(id, delegation) < 1) return false;
    if (delegation.maxUses !== undefined) this.#taken.set(id, (this.#taken.get(id) ?? 0) + 1);
    return true;
  }

  giveBack(id: string, uses: number): void {
    const left = (this.#taken.get(id) ?? 0) - uses;
    if (left > 0) this.#taken.set(id, left);
    else this.#taken.delete(id);
  }

  async spend(uses: ReadonlyMap<string, number>): Promise<Change> {
    const names = [...uses.keys()].map((id) => ({ kind: "delegation" as const, id }));
    return this.#documents.change(names, () =>
      names.flatMap((name) => {
        const now = this.#documents.get<Delegation>("delegation", name.id)?.value;
        if (now === undefined) throw gone();
        // Without a number there is nothing to count; that it is still there was worth a look.
        return now.maxUses === undefined ? [] : [{ ...name, value: { ...now, used: (now.used ?? 0) + (uses.get(name.id) ?? 0) } }];
      }),
    );
  }

  /** How many uses there still are; those of requests under way are not among them. */
  #left(id: string, { maxUses, used = 0 }: Delegation): number {
    return maxUses === undefined ? Infinity : maxUses - used - (this.#taken.get(id) ?? 0);
  }

  /** Takes in a stored delegation, or its removal. */
  #note(id: string, now: Delegation | undefined): void {
    const before = this.#byId.get(id);
    if (before !== undefined && now !== undefined) {
      // Only its uses ever change.
      const at = place(now.to, now.namespace, now.keyId, now.operation);
      const held = this.#places.get(at) ?? NONE;
      this.#places.set(
        at,
        held.map((one) => (one.id === id ? { ...one, delegation: now } : one)),
      );
      this.#byId.set(id, now);
      return;
    }
    if (before !== undefined) {
      const at = place(before.to, before.namespace, before.keyId, before.operation);
      const left = (this.#places.get(at) ?? NONE).filter((held) => held.id !== id);
      if (left.length === 0) this.#places.delete(at);
      else this.#places.set(at, left);
      this.#byId.delete(id);
    }
    if (now === undefined) return;
    const at = place(now.to, now.namespace, now.keyId, now.operation);
    const held: HeldDelegation = {
      id,
      delegation: now,
      condition: now.condition === "" ? undefined : compileCondition(now.condition),
      giver: now.byCredential ? { id: now.from, permissions: new Set([now.permission]), namespaces: new Set([now.namespace]) } : undefined,
      unknown: { id: now.from, permissions: new Set(), namespaces: "all" },
    };
    // Those without a number first: no use is taken where none is needed.
    const there = [...(this.#places.get(at) ?? NONE), held];
    this.#places.set(at, [
      ...there.filter(({ delegation }) => delegation.maxUses === undefined),
      ...there.filter(({ delegation }) => delegation.maxUses !== undefined),
    ]);
    this.#byId.set(id, now);
  }

  to(id: string, namespace: string, keyId: string, operation: string): readonly HeldDelegation[] {
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
        if (this.#left(id, delegation) < 1) return `all of its ${delegation.maxUses ?? 0} uses are taken`;
        if (condition !== undefined && condition.holds(situation) !== true) return "its condition does not hold";
        const giver = named ?? this.#standing(unknown.id) ?? unknown;
        if (giver === "gone") return `${unknown.id} is no more`;
        // The giver shows no second factor here, so nothing that needs one is handed on.
        const giving = { ...situation, principal: giver.id, method: "delegation", secondFactorAt: undefined };
        const verdict = decide(policy, { asker: giver, situation: giving, needs: [permission], listing: false, admitted });
        return verdict.allowed ? "" : `${giver.id} may not do it either`;
      })();
      const left = delegation.maxUses === undefined ? "" : `, ${this.#left(id, delegation)} of ${delegation.maxUses} uses are left`;
      notes?.push({ rule: "delegation", name: id, permission, applies: why === "", detail: why === "" ? `by ${unknown.id}${left}` : why });
      if (why === "") return id;
    }
    return undefined;
  }
}
