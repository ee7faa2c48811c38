/**
 * Who counts, and when it is enough.
 *
 * A verdict counts when a person who is not the requester, known by a login of her own, with a role that the rule names in
 * the namespace of the request, signed this very statement by a key of hers that stands. Quorums count persons, never
 * principals, keys or requests.
 */
import { HsmError } from "@keystead/contract/errors";
import type { EvidencedVerdict } from "@keystead/crypto/public/approval-evidence";
import { parseSubject, statementBytes, statementDigest, type SubjectRule, type Verdict } from "@keystead/crypto/public/approval-statement";
import type { Principal } from "../authenticate/principal.ts";
import type { Approval } from "./approval.ts";
import { signedBy, type GivenSignature, type RegisteredKey } from "./approver-keys.ts";

/** Who gives a verdict: the principal, the person, and the roles held in the namespace of the request. */
export interface Approver {
  readonly principal: Principal;
  readonly person: string;
  readonly roles: readonly string[];
}

export interface GivenVerdict extends GivenSignature {
  readonly verdict: Verdict;
  readonly reason: string;
  readonly key: RegisteredKey;
  /** Person whom the key belongs to. */
  readonly keyPerson: string;
}

/** Logins that are nobody in particular: what they say is never an approval. */
const NOBODY: ReadonlySet<string> = new Set(["ceremony", "development listener", "service account", "anonymous"]);

const denied = (why: string): HsmError => new HsmError("PERMISSION_DENIED", why);

/**
 * The verdict, once everything about it holds; with its proof, as it is kept.
 *
 * @returns also the digest of what was signed
 * @throws {HsmError} PERMISSION_DENIED saying what does not hold
 */
export function judged(
  approval: Approval,
  { principal, person, roles }: Approver,
  given: GivenVerdict,
  now: number,
): { readonly verdict: EvidencedVerdict; readonly digest: string } {
  const subject = parseSubject(approval.subject);
  if (NOBODY.has(principal.method)) throw denied("this login is no person's, so it cannot approve");
  if (principal.id === approval.requester.id || person === approval.requester.person)
    throw denied("the requester's own word does not count");
  if (given.keyPerson !== person) throw denied("the approver key is somebody else's");
  if (given.key.revokedAt !== undefined) throw denied("the approver key is revoked");
  const rules = given.verdict === "override" ? overrideOf(subject.override) : subject.rules;
  if (!rules.some((rule) => holds(rule, roles))) throw denied(`none of your roles counts here; asked for: ${rolesOf(rules)}`);
  if (given.verdict === "override" && given.reason.trim() === "") throw denied("an override needs a reason");
  const statement = statementBytes(subject, given.verdict, given.reason);
  if (!signedBy(given.key, statement, given)) throw denied("the signature is not of this request and verdict");
  const { assertion } = given;
  return {
    digest: statementDigest(statement),
    verdict: {
      verdict: given.verdict,
      reason: given.reason,
      principal: principal.id,
      person,
      roles: [...roles],
      time: new Date(now).toISOString(),
      keyId: given.key.id,
      publicKey: given.key.spki,
      signature: base64(given.signature),
      ...(assertion === undefined
        ? {}
        : { authenticatorData: base64(assertion.authenticatorData), clientDataJson: base64(assertion.clientDataJson) }),
    },
  };
}

/**
 * Whether enough persons have agreed.
 *
 * @param stands whether a key still counts: what a revoked key signed does not
 */
export function enough(approval: Approval, stands: (keyId: string) => boolean): "approved" | "overridden" | undefined {
  const subject = parseSubject(approval.subject);
  if (subject.rules.length > 0 && subject.rules.every((rule) => meets(approval, rule, "approve", stands))) return "approved";
  return subject.override !== null && meets(approval, subject.override, "override", stands) ? "overridden" : undefined;
}

/** Whether a rule is met by the verdicts there are. Zero is never enough, whatever a rule says. */
export function meets(
  approval: Approval,
  rule: Pick<SubjectRule, "quorum" | "roles">,
  verdict: Verdict,
  stands: (keyId: string) => boolean,
): boolean {
  const persons = new Set(
    approval.verdicts
      .filter((one) => one.verdict === verdict && one.person !== approval.requester.person && one.principal !== approval.requester.id)
      .filter((one) => stands(one.keyId) && holds(rule, one.roles))
      .map(({ person }) => person),
  );
  return Number.isSafeInteger(rule.quorum) && rule.quorum >= 1 && persons.size >= rule.quorum;
}

const holds = (rule: Pick<SubjectRule, "roles">, roles: readonly string[]): boolean => roles.some((role) => rule.roles.includes(role));
const rolesOf = (rules: readonly SubjectRule[]): string => [...new Set(rules.flatMap(({ roles }) => roles))].join(", ");
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

function overrideOf(rule: SubjectRule | null): readonly SubjectRule[] {
  if (rule === null) throw denied("there is no emergency override");
  return [rule];
}
