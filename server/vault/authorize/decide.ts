/**
 * The decision, as a function of a compiled policy and of what is so. It reads no clock, no key and no state.
 *
 * In this order, and the first refusal stands: an explicit denial; a namespace out of the credential's reach, or a key out of
 * its view; the
 * namespace's address rules; each needed permission, by a role of the credential, a binding whose condition holds, or a
 * delegation. Then the approvals that are asked for. No rule says maybe: what cannot be said is a refusal.
 *
 * An explanation is the same function with somebody taking notes, so it cannot tell another story than the decision.
 */
import type { Permission } from "@keystead/contract/permissions";
import { familyOf, isAboutKey, usesKey } from "@keystead/contract/policy/key-families";
import type { Allowance, ApprovalRule, CompiledPolicy, Named, Scope } from "./compile.ts";
import { inView, type TokenView } from "../token-view.ts";
import type { Situation } from "./conditions.ts";

/** Who asks, as far as decisions go. */
export interface Asker extends Named {
  /** What the credential carries by itself. */
  readonly permissions: ReadonlySet<Permission>;
  /** As far as the credential reaches, whatever any rule says. */
  readonly namespaces: ReadonlySet<string> | "all";
  /** The keys that the credential shows; left out = every one within reach. */
  readonly view?: TokenView;
}

/** A request as the rules see it. */
export interface Case {
  readonly asker: Asker;
  readonly situation: Situation;
  /** The operation's permission first, then what the request demands besides. */
  readonly needs: readonly Permission[];
  /** The answer lists keys, or is about every namespace within reach: each entry of it is decided on by itself. */
  readonly listing: boolean;
  /** Whether the namespace's address rules let the request in. */
  readonly admitted: boolean;
  /** Whether a delegation stands for the first need; asked only when nothing else does. */
  readonly delegated?: (notes: Note[] | undefined) => string | undefined;
}

/** One thing that was looked at. */
export interface Note {
  readonly rule: "denial" | "reach" | "address" | "credential" | "binding" | "delegation" | "approval";
  /** The rule's id in the document; the role or delegation; empty where there is none. */
  readonly name: string;
  readonly permission: string;
  /** Whether it counted. */
  readonly applies: boolean;
  readonly detail: string;
}

export type Verdict =
  | { readonly allowed: true; readonly approvals: readonly ApprovalRule[] }
  | { readonly allowed: false; readonly rule: Note["rule"]; readonly name: string };

const NO_APPROVALS: readonly ApprovalRule[] = Object.freeze([]);
const ALLOWED: Verdict = Object.freeze({ allowed: true, approvals: NO_APPROVALS });

/** Decides. @param notes collects what was looked at, for explanations */
export function decide(policy: CompiledPolicy, asked: Case, notes?: Note[]): Verdict {
  const { asker, situation, needs } = asked;
  const profile = policy.profile(asker);
  for (const permission of needs)
    for (const denial of profile.denying(permission)) {
      const blind = denial.permissions !== "all" && !isAboutKey(permission);
      const reached = reaches(denial, situation, { ...(asked.listing ? FORBIDS_ENTRIES : FORBIDS), blind });
      const applies = reached === true || reached === "error";
      notes?.push({ rule: "denial", name: denial.id, permission, applies, detail: told(reached) });
      if (applies) return { allowed: false, rule: "denial", name: denial.id };
    }
  const within =
    asker.namespaces === "all" ||
    (situation.namespace === "" ? !needs.some((permission) => SERVER_WIDE.has(permission)) : asker.namespaces.has(situation.namespace));
  if (!within) {
    notes?.push({ rule: "reach", name: "", permission: "", applies: true, detail: "the credential does not reach the namespace" });
    return { allowed: false, rule: "reach", name: "" };
  }
  const aboutKey = situation.keyId !== "" || situation.algorithm !== "";
  if (asker.view !== undefined && aboutKey && !asked.listing && !inView(asker.view, situation)) {
    notes?.push({ rule: "reach", name: "view", permission: "", applies: true, detail: "the credential does not show the key" });
    return { allowed: false, rule: "reach", name: "view" };
  }
  if (!asked.admitted) {
    notes?.push({ rule: "address", name: "", permission: "", applies: true, detail: "the namespace does not admit the address" });
    return { allowed: false, rule: "address", name: "" };
  }
  for (const [index, permission] of needs.entries()) {
    const stands =
      carries(asker, permission, notes) ||
      // A key that a request makes on the way is not the key that it is about.
      profile.allowing(permission).some((allowance) => allows(allowance, permission, asked, index > 0 && MAKES.has(permission), notes)) ||
      (index === 0 && asked.delegated?.(notes) !== undefined);
    if (!stands) return { allowed: false, rule: "binding", name: permission };
  }
  if (policy.approvals.length === 0) return ALLOWED;
  const approvals = policy.approvals.filter((rule) => {
    const meant = needs.filter((permission) => rule.permissions.has(permission));
    if (meant.length === 0) return false;
    const reached = reaches(rule, situation, { ...FORBIDS, blind: meant.some((permission) => !isAboutKey(permission)) });
    const applies = reached === true || reached === "error";
    notes?.push({ rule: "approval", name: rule.id, permission: "", applies, detail: told(reached) });
    return applies;
  });
  return approvals.length === 0 ? ALLOWED : { allowed: true, approvals };
}

/** Whether the permission stands for the asker by credential or binding alone; denials, reach and addresses aside. */
export function holds(policy: CompiledPolicy, asked: Case, permission: Permission): boolean {
  return (
    asked.asker.permissions.has(permission) ||
    policy
      .profile(asked.asker)
      .allowing(permission)
      .some((allowance) => allows(allowance, permission, asked, false, undefined))
  );
}

/** Who is confined to some namespaces does not rule over all of them. */
const SERVER_WIDE: ReadonlySet<Permission> = new Set<Permission>([
  "policy:view",
  "policy:update",
  "script:read",
  "script:update",
  "approval:revoke_keys",
  "vault:seal",
  "vault:rekey",
]);
const MAKES: ReadonlySet<Permission> = new Set<Permission>(["key:create", "key:import"]);

function carries(asker: Asker, permission: Permission, notes: Note[] | undefined): boolean {
  const has = asker.permissions.has(permission);
  notes?.push({
    rule: "credential",
    name: "",
    permission,
    applies: has,
    detail: has ? "the credential's roles carry it" : "the credential's roles do not carry it",
  });
  return has;
}

function allows(
  allowance: Allowance,
  permission: Permission,
  { situation, listing }: Case,
  another: boolean,
  notes: Note[] | undefined,
): boolean {
  let reached = reaches(allowance, situation, { forbids: false, listing, another, blind: false });
  let detail = told(reached);
  if (reached === true && !listing && allowance.families !== undefined && usesKey(permission)) {
    const family = familyOf(situation.algorithm);
    if (family === undefined || !allowance.families.has(family)) {
      reached = "keys";
      detail = "the role does not reach keys of this family";
    }
  }
  notes?.push({ rule: "binding", name: `${allowance.id}/${allowance.role}`, permission, applies: reached === true, detail });
  return reached === true;
}

type Reached = true | "namespace" | "keys" | "condition" | "error";

/** How a rule is looked at. */
interface View {
  /** The rule takes away rather than gives. */
  readonly forbids: boolean;
  /** Of an answer of many entries: a rule about some of them gives the answer, and takes nothing but entries away. */
  readonly listing: boolean;
  /** The permission is for a key that does not exist yet. */
  readonly another: boolean;
  /** The rule names a permission that is about no key: what it says of keys cannot be said of that. */
  readonly blind: boolean;
}

const FORBIDS: View = { forbids: true, listing: false, another: false, blind: false };
const FORBIDS_ENTRIES: View = { forbids: true, listing: true, another: false, blind: false };

/** Whether a rule is about the situation. */
function reaches({ namespaces, ids, tags, condition }: Scope, situation: Situation, { forbids, listing, another, blind }: View): Reached {
  const { namespace, keyId } = situation;
  if (namespaces !== "all" && !namespaces.has(namespace) && (forbids || !listing || namespace !== "")) return "namespace";
  const keyed = ids !== undefined;
  if (listing && (keyed || condition?.aboutKey === true)) return forbids ? "keys" : true;
  if (keyed && (another || !((keyId !== "" && ids.has(keyId)) || situation.tags.some((tag) => tags?.has(tag) === true)))) return "keys";
  if (condition?.aboutKey === true) {
    // What takes away does so where it cannot be said; what gives is about a key, or about nothing.
    if (blind) return true;
    if (!forbids && keyId === "" && situation.algorithm === "") return "keys";
  }
  const answer = condition?.holds(situation) ?? true;
  return answer === false ? "condition" : answer;
}

const TOLD: Readonly<Record<Exclude<Reached, true>, string>> = Object.freeze({
  namespace: "it is about other namespaces",
  keys: "it is about other keys",
  condition: "its condition does not hold",
  error: "its condition cannot be evaluated",
});

const told = (reached: Reached): string => (reached === true ? "it is about this request" : TOLD[reached]);
