/**
 * The policy of an open vault: its versions, its delegations, and what handlers may ask about both.
 */
import { hash } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { operationByName } from "@keystead/contract/operations/register";
import { policyDifferences } from "@keystead/contract/policy/differences";
import { readMember } from "@keystead/contract/policy/members";
import { parsePolicy } from "@keystead/contract/policy/parse";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { fillRandom } from "@keystead/crypto/random";
import type { Documents } from "../objects/documents.ts";
import type { Caller, DelegationFacts, PolicyControl } from "../operations/policy-control.ts";
import type { Authorizer, PolicyParts } from "./authorize.ts";
import { ConditionMistake } from "./condition-types.ts";
import { compileCondition } from "./conditions.ts";
import { decide } from "./decide.ts";
import { Delegations, isOver, type Delegation, type HeldDelegation, type Standing } from "./delegations.ts";
import { examine, replay } from "./examine.ts";
import { affordable, compileDraft, DRAFT_LIMITS, DraftDesk, Turns, yieldToOthers } from "./drafts.ts";
import { Policies } from "./policies.ts";
import { findRole, permissionsOf, ROLES } from "./roles.ts";

export interface PolicyServiceOptions {
  readonly documents: Documents;
  readonly authorizer: Authorizer;
  readonly keyFacts: PolicyParts["keyFacts"];
  /** What somebody holds without showing a credential. */
  readonly standing: Standing;
  readonly now: () => number;
}

const MOST_DELEGATIONS = 100_000;
/** Of one giver: nobody takes everybody else's room. */
const MOST_DELEGATIONS_EACH = 1000;
/** Of one operation on one key to one principal: a decision may look at every one of them. */
const MOST_DELEGATIONS_ALIKE = 16;
/** Ended grants that are removed with each new one. */
const ENDED_AT_ONCE = 16;
const denied = (detail: string): HsmError => new HsmError("PERMISSION_DENIED", detail);
const facts = (
  id: string,
  { from, to, namespace, keyId, operation, condition, createdAt, expiresAt, maxUses = 0, used = 0 }: Delegation,
): DelegationFacts => ({
  id,
  maxUses,
  used,
  from,
  to,
  namespace,
  keyId,
  operation,
  condition,
  createdAt,
  expiresAt,
});

/**
 * Verifies what is stored and puts it in force.
 *
 * @throws {HsmError} INTEGRITY_FAILURE
 */
export async function openPolicy(options: PolicyServiceOptions): Promise<PolicyControl> {
  const { documents, authorizer, keyFacts, standing, now } = options;
  const policies = await Policies.open(documents, now);
  const desk = new DraftDesk();
  const delegations = new Delegations(documents, standing);
  authorizer.use({ policy: () => policies.compiled, delegations, keyFacts });

  /** Whether the caller may do this by what it holds itself, and whether it could without its credential. */
  const holds = async (
    caller: Caller,
    asked: Pick<DelegationFacts, "namespace" | "keyId" | "operation">,
  ): Promise<{ self: boolean; alone: boolean }> => {
    const operation = operationByName(asked.operation);
    if (operation === undefined) return { self: false, alone: false };
    const { delegated: _, ...own } = await authorizer.caseOf({ ...caller, ...asked, operation });
    // What an issuer says of somebody is known while they show its token, and no longer: it is nothing to hand on.
    const { vouched: __, ...unvouched } = own.asker;
    const known = standing(caller.principal.id) ?? { id: caller.principal.id, permissions: new Set(), namespaces: "all" };
    if (known === "gone") return { self: false, alone: false };
    const self = decide(policies.compiled, own).allowed && decide(policies.compiled, { ...own, asker: unvouched }).allowed;
    return { self, alone: decide(policies.compiled, { ...own, asker: known }).allowed };
  };

  return {
    inForce: () => policies.inForce,
    version: (version) => policies.version(version),
    versions: () => policies.versions(),
    prepare: async (text, expectedVersion, comment, caller) => {
      const asked = await authorizer.caseOf({ ...caller, operation: setPolicy as never, namespace: "", keyId: "" });
      return policies.prepare(text, expectedVersion, { author: caller.principal.id, comment }, (draft) => {
        // Nobody saws off the branch: whoever sets a document can set the next one.
        if (caller.principal.method !== "ceremony" && !decide(draft, asked).allowed)
          throw new HsmError("INVALID_REQUEST", "policy: its author could not set another one under it; let somebody set it who could");
      });
    },
    differences: async (before, after) => {
      const one = parsePolicy(before, findRole);
      await yieldToOthers();
      const other = parsePolicy(after, findRole);
      await yieldToOthers();
      return policyDifferences(one, other);
    },
    oneAtATime: (principal, work) => desk.one(principal, work),
    examiner: async (draft) => {
      const policy = draft === undefined ? policies.compiled : await compileDraft(draft);
      const turns = new Turns(DRAFT_LIMITS.pieceSteps, yieldToOthers);
      return async (supposed) => {
        await turns.did(policy.weight);
        return examine(authorizer, policy, supposed, now());
      };
    },
    replayer: async (draft) => {
      const compiled = await compileDraft(draft);
      const turns = new Turns(DRAFT_LIMITS.pieceSteps, yieldToOthers);
      return async (past) => {
        const inForce = policies.compiled;
        await turns.did(inForce.weight + compiled.weight);
        return replay(authorizer, { inForce, draft: compiled }, past);
      };
    },
    roles: () => [
      ...Object.entries(ROLES).map(([name, permissions]) => ({ name, builtIn: true, description: "", permissions, families: [] })),
      ...[...policies.compiled.document.roles].map(([name, { description, permissions, families }]) => ({
        name,
        builtIn: false,
        description,
        permissions,
        families: families ?? [],
      })),
    ],
    delegate: async (asked, caller) => {
      const row = operationByName(asked.operation);
      if (row === undefined || row.scope !== "key" || row.permission === "key:delegate")
        throw new HsmError("INVALID_REQUEST", "operation: only an operation on a key can be handed on, and this right cannot");
      if (readMember(asked.to)?.kind !== "principal") throw new HsmError("INVALID_REQUEST", "grantee: must be the id of one principal");
      if (asked.to === caller.principal.id) throw new HsmError("INVALID_REQUEST", "grantee: is the caller");
      const time = now();
      const all = documents.list<Delegation>("delegation");
      const over = all.filter(({ value }) => isOver(value, time));
      if (all.length - over.length >= MOST_DELEGATIONS)
        throw new HsmError("QUOTA_EXCEEDED", `there are ${MOST_DELEGATIONS} grants already`);
      const own = all.filter(({ value }) => value.from === caller.principal.id && !isOver(value, time));
      if (own.length >= MOST_DELEGATIONS_EACH)
        throw new HsmError("QUOTA_EXCEEDED", `the caller has made ${MOST_DELEGATIONS_EACH} grants already; one must be taken back first`);
      let steps = 0;
      try {
        if (asked.condition !== "") steps = affordable(compileCondition(asked.condition)).steps;
      } catch (error) {
        if (!(error instanceof ConditionMistake)) throw error;
        throw new HsmError("INVALID_REQUEST", `condition: ${error.message}`);
      }
      if (asked.expiresAt !== 0 && asked.expiresAt <= time) throw new HsmError("INVALID_REQUEST", "expires_at: lies in the past");
      const { self, alone } = await holds(caller, asked);
      if (!self) throw denied(`${asked.operation} is not the caller's to hand on`);
      const end = alone ? asked.expiresAt : Math.min(asked.expiresAt === 0 ? Infinity : asked.expiresAt, caller.principal.validUntil);
      const { maxUses, ...what } = asked;
      const delegation: Delegation = {
        ...what,
        ...(maxUses === 0 ? {} : { maxUses, used: 0 }),
        from: caller.principal.id,
        permission: row.permission,
        createdAt: time,
        expiresAt: end,
        byCredential: !alone,
      };
      const id = fillRandom(Buffer.alloc(16)).toString("hex");
      // Grants whose time is over make room for new ones; that they were given is in the log.
      const ended = over.slice(0, ENDED_AT_ONCE).map((document) => ({ kind: "delegation" as const, id: document.id }));
      // Those who hand the same on at once meet at this name, so that none of them is overlooked.
      const place = hash("sha256", JSON.stringify([asked.to, asked.namespace, asked.keyId, asked.operation]), "hex");
      const change = await documents.change([...ended, { kind: "delegation", id }, { kind: "delegation", id: `alike.${place}` }], () => {
        requireFew(delegations.to(asked.to, asked.namespace, asked.keyId, asked.operation), steps, time);
        return [...ended.map((name) => ({ ...name, value: undefined })), { kind: "delegation", id, value: delegation }];
      });
      return { delegation: facts(id, delegation), change };
    },
    delegations: (namespace, keyId) =>
      documents
        .list<Delegation>("delegation")
        .filter(({ value }) => value.namespace === namespace && value.keyId === keyId)
        .map(({ id, value }) => facts(id, value))
        .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)),
    revoke: async ({ id, namespace, keyId }, caller) => {
      const missing = (): HsmError => new HsmError("OBJECT_NOT_FOUND", "there is no such grant on this key");
      const mayAll = async (): Promise<boolean> => {
        const asked = await authorizer.caseOf({ ...caller, operation: setPolicy as never, namespace: "", keyId: "" });
        return decide(policies.compiled, asked).allowed;
      };
      const all = await mayAll();
      let taken: Delegation | undefined;
      const change = await documents.change([{ kind: "delegation", id }], () => {
        const known = documents.get<Delegation>("delegation", id)?.value;
        if (known === undefined || known.namespace !== namespace || known.keyId !== keyId) throw missing();
        if (known.from !== caller.principal.id && !all) throw denied("only who handed it on takes it back, or who may update the policy");
        taken = known;
        return [{ kind: "delegation", id, value: undefined }];
      });
      return { delegation: facts(id, taken as unknown as Delegation), change };
    },
  };
}

/** What a decision costs must not grow with what others hand on. @throws {HsmError} QUOTA_EXCEEDED */
function requireFew(alike: readonly HeldDelegation[], steps: number, time: number): void {
  const standing = alike.filter(({ delegation }) => !isOver(delegation, time));
  const together = standing.reduce((sum, { condition }) => sum + (condition?.steps ?? 0), steps);
  if (standing.length >= MOST_DELEGATIONS_ALIKE || together > DRAFT_LIMITS.steps)
    throw new HsmError(
      "QUOTA_EXCEEDED",
      `the grantee has enough grants of this operation on this key (at most ${MOST_DELEGATIONS_ALIKE}, of ${DRAFT_LIMITS.steps} steps together)`,
    );
}

/** What the configuration says that certificates and the development listener carry. */
export function configuredStanding(
  known: readonly { readonly id: string; readonly roles: readonly string[]; readonly namespaces: readonly string[] }[],
): Standing {
  const askers = new Map(
    known.map(({ id, roles, namespaces }) => [
      id,
      { id, permissions: permissionsOf(roles), namespaces: namespaces.includes("*") ? ("all" as const) : new Set(namespaces) },
    ]),
  );
  return (id) => askers.get(id);
}
