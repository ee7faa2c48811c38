/**
 * Requests that nobody made: what a policy would decide of them, and why. And requests that somebody made once: what
 * a draft would have decided.
 *
 * The decision is decide.ts's own, with notes taken. Nothing is issued, performed or changed here.
 */
import { HsmError } from "@keystead/contract/errors";
import { findAlgorithm } from "@keystead/contract/algorithms";
import type { Operation } from "@keystead/contract/operation";
import { operationByName } from "@keystead/contract/operations/register";
import type { Permission } from "@keystead/contract/permissions";
import { claimPath } from "@keystead/contract/claim-names";
import { readClaimMember } from "@keystead/contract/policy/claim-member";
import { findPermission } from "@keystead/contract/policy/key-families";
import type { Vouched } from "../claims.ts";
import type { Principal } from "../authenticate/principal.ts";
import type { Finding, PastDecision, Replayed, Supposition } from "../operations/policy-control.ts";
import type { Authorizer } from "./authorize.ts";
import type { CompiledPolicy } from "./compile.ts";
import { decide, type Case, type Note } from "./decide.ts";
import { findRole, permissionsOf } from "./roles.ts";

const FOREVER = Number.MAX_SAFE_INTEGER;
const invalid = (detail: string): HsmError => new HsmError("INVALID_REQUEST", detail);

/** What the policy would decide of a request. */
export async function examine(authorizer: Authorizer, policy: CompiledPolicy, supposed: Supposition, now: number): Promise<Finding> {
  const operation = operationByName(supposed.operation);
  if (operation === undefined) throw invalid(`operation: there is no ${supposed.operation}`);
  const roles = supposed.roles.map((name) => findRole(name) ?? refuse(`roles: there is no built-in role ${name}`));
  const demands = supposed.demands.map((name) => findPermission(name) ?? refuse(`demands: there is no permission ${name}`));
  const algorithm = supposed.algorithm === "" ? "" : (findAlgorithm(supposed.algorithm) ?? refuse("algorithm: there is no such algorithm"));
  const principal = supposedPrincipal(supposed.principal, supposed.method, permissionsOf(roles), supposed.reach, supposed.mfaAt);
  const vouched = supposedClaims(supposed.claims);
  const asked = await authorizer.caseOf({
    principal: vouched === undefined ? principal : { ...principal, vouched },
    operation,
    // What concerns the whole server is asked for in no namespace.
    namespace: operation.scope === "server" ? "" : supposed.namespace,
    keyId: supposed.keyId,
    address: supposed.address,
    demands,
    ...(algorithm === "" && supposed.tags.length === 0 ? {} : { made: { algorithm, tags: supposed.tags } }),
  });
  return finding(policy, { ...asked, situation: { ...asked.situation, time: supposed.time ?? now } });
}

/**
 * What a draft would have decided of a request in the log.
 *
 * The log says who asked for what and what became of it, not what the credential carried. What was allowed and no rule
 * of the policy in force gives, the credential must have carried; what was refused, it did not.
 */
export async function replay(
  authorizer: Authorizer,
  { inForce, draft }: { readonly inForce: CompiledPolicy; readonly draft: CompiledPolicy },
  past: PastDecision,
): Promise<Replayed> {
  const operation = operationByName(past.operation) as Operation;
  const demands = past.demands.flatMap((name) => findPermission(name) ?? []);
  const question = { operation, namespace: past.namespace, keyId: past.keyId, address: past.address ?? "", demands };
  const bare = supposedPrincipal(past.principal, past.method, new Set(), [], undefined);
  const asked = await authorizer.caseOf({ ...question, principal: bare });
  // The namespace's address rules are of now, and not the draft's business.
  const at: Case = { ...asked, admitted: true, situation: { ...asked.situation, time: past.time } };
  const addressed = past.address !== undefined;
  if (past.method === "token" && [inForce, draft].some((policy) => couldRestOnClaims(policy, at))) return "undetermined";
  if (restsOnTheUnsaid(inForce, at, addressed) || restsOnTheUnsaid(draft, at, addressed)) return "undetermined";
  const carried = past.allowed && !decide(inForce, at).allowed;
  const principal = carried ? supposedPrincipal(past.principal, past.method, new Set(at.needs), [], undefined) : bare;
  return finding(draft, { ...at, asker: principal });
}

/** Whether a rule by claims is about what was asked: the log does not say what an issuer said of somebody. */
function couldRestOnClaims(policy: CompiledPolicy, { asker, needs }: Case): boolean {
  const rules = policy.byUnknownClaims(asker.id);
  return needs.some((need) => rules.allowing(need).length + rules.denying(need).length > 0);
}

/** Whether a rule that could matter looks at what the log does not hold. */
function restsOnTheUnsaid(policy: CompiledPolicy, { asker, needs }: Case, addressed: boolean): boolean {
  const profile = policy.profile(asker);
  const rules = [...needs.flatMap((need) => [...profile.allowing(need), ...profile.denying(need)]), ...policy.approvals];
  return rules.some(
    ({ condition }) => (!addressed && condition?.uses.has("request.address") === true) || condition?.uses.has("principal.mfa_age") === true,
  );
}

function finding(policy: CompiledPolicy, asked: Case): Finding {
  const steps: Note[] = [];
  const verdict = decide(policy, asked, steps);
  if (!verdict.allowed) return { decision: "deny", rule: verdict.rule, name: verdict.name, approvals: [], steps };
  const approvals = verdict.approvals.map(({ id }) => id);
  return { decision: approvals.length === 0 ? "allow" : "approve", rule: "", name: "", approvals, steps };
}

function supposedPrincipal(
  id: string,
  method: string,
  permissions: ReadonlySet<Permission>,
  reach: readonly string[],
  mfaAt: number | undefined,
): Principal {
  return {
    id,
    method: (method === "" ? "token" : method) as Principal["method"],
    roles: [],
    permissions,
    namespaces: reach.length === 0 || reach.includes("*") ? "all" : new Set(reach),
    defaultNamespace: "default",
    validUntil: FOREVER,
    ...(mfaAt === undefined ? {} : { mfaAt }),
  };
}

/** What an issuer is supposed to have said, by the members that would name it. @throws {HsmError} INVALID_REQUEST */
function supposedClaims(texts: readonly string[]): Vouched | undefined {
  const members = texts.map((text) => readClaimMember(text) ?? refuse("claims: each is written claim:oidc:ISSUER#NAME=VALUE"));
  const [first] = members;
  if (first === undefined) return undefined;
  const { scheme, issuer } = first;
  if (members.some((other) => other.scheme !== scheme || other.issuer !== issuer)) refuse("claims: nobody comes with those of two issuers");
  const values = new Map<string, string[]>();
  for (const { name, value } of members) values.set(name, [...(values.get(name) ?? []), value]);
  const claims: Record<string, unknown> = {};
  for (const [name, said] of values) {
    const path = claimPath(name) as readonly string[];
    let at = claims;
    for (const part of path.slice(0, -1)) {
      const inner = (Object.hasOwn(at, part) ? at[part] : undefined) ?? {};
      if (typeof inner !== "object" || Array.isArray(inner)) refuse("claims: one of them cannot be where another is");
      Object.defineProperty(at, part, { value: inner, enumerable: true, configurable: true, writable: true });
      at = inner as Record<string, unknown>;
    }
    const last = path.at(-1) as string;
    if (Object.hasOwn(at, last)) refuse("claims: one of them cannot be where another is");
    Object.defineProperty(at, last, { value: said, enumerable: true, configurable: true, writable: true });
  }
  // Whoever supposes an address means one that counts.
  return { scheme, issuer, claims: { email_verified: true, ...claims } };
}

function refuse(detail: string): never {
  throw invalid(detail);
}
