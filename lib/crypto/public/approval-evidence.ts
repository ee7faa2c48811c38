/**
 * The offline check of an approval: its evidence and public keys, and nothing else.
 *
 * Evidence is the subject of a request with the verdicts on it. It proves that the holders of so many keys signed that
 * very request, before it expired, by keys that the checker brought himself or was shown. Whose keys they are is known to
 * whoever registered them: a checker who does not trust the evidence's own list names the keys he knows.
 *
 * @see docs/operate/dual-control.md "Checking an approval without the server"
 */
import { HsmError } from "@keystead/contract/errors";
import { assertionMatches, parseApproverKey, signatureMatches, type ApproverKey } from "./approver-key.ts";
import {
  parseSubject,
  statementBytes,
  statementDigest,
  VERDICTS,
  type ApprovalSubject,
  type SubjectRule,
  type Verdict,
} from "./approval-statement.ts";

/** A verdict with its proof. Byte strings are base64. */
export interface EvidencedVerdict {
  readonly verdict: Verdict;
  readonly reason: string;
  /** Principal and person who gave it, as the vault knew them. */
  readonly principal: string;
  readonly person: string;
  /** Roles by which it counts. */
  readonly roles: readonly string[];
  /** ISO 8601. */
  readonly time: string;
  readonly keyId: string;
  readonly publicKey: string;
  readonly signature: string;
  /** Of an authenticator only. */
  readonly authenticatorData?: string;
  readonly clientDataJson?: string;
}

/** Everything that is known of a request that needed approval. */
export interface ApprovalEvidence {
  /** The subject's canonical text. */
  readonly subject: string;
  /** Person who asked, as the vault knew him. */
  readonly requesterPerson: string;
  readonly verdicts: readonly EvidencedVerdict[];
}

export interface CheckedVerdict {
  readonly verdict: Verdict;
  readonly principal: string;
  readonly keyId: string;
  /** Empty when it holds. */
  readonly problem: string;
}

export interface EvidenceReport {
  readonly subject: ApprovalSubject;
  readonly verdicts: readonly CheckedVerdict[];
  /** Every verdict holds and the rules are met by them. */
  readonly approved: boolean;
  /** What does not hold; empty when nothing. A request that still waits has no problem and is not approved. */
  readonly problems: readonly string[];
}

/**
 * Checks evidence.
 *
 * @param known public keys that the checker trusts (PEM or base64); without any, those in the evidence are taken
 * @throws {HsmError} INVALID_REQUEST   the evidence, or a key, cannot be read
 */
export function checkEvidence(evidence: ApprovalEvidence, known: readonly string[] = []): EvidenceReport {
  const subject = parseSubject(evidence.subject);
  const trusted = known.length === 0 ? undefined : new Map(known.map((text) => parseApproverKey(text)).map((key) => [key.id, key]));
  const problems: string[] = [];
  const seen = new Set<string>();
  const verdicts = evidence.verdicts.map((given): CheckedVerdict => {
    const problem =
      problemOf(subject, evidence.requesterPerson, given, trusted) ??
      (seen.has(`${given.verdict} ${given.keyId}`) ? "the key said so before" : "");
    seen.add(`${given.verdict} ${given.keyId}`);
    if (problem !== "") problems.push(`${given.verdict} by ${given.principal}: ${problem}`);
    return { verdict: given.verdict, principal: given.principal, keyId: given.keyId, problem };
  });
  const sound = problems.length === 0 && !evidence.verdicts.some(({ verdict }) => verdict === "deny");
  const said = (rule: SubjectRule, verdict: Verdict): boolean => {
    const counted = evidence.verdicts.filter((one) => one.verdict === verdict && one.roles.some((role) => rule.roles.includes(role)));
    return new Set(counted.map(({ person }) => person)).size >= rule.quorum;
  };
  const met = subject.rules.length > 0 && subject.rules.every((rule) => said(rule, "approve"));
  const overridden = subject.override !== null && said(subject.override, "override");
  return { subject, verdicts, approved: sound && (met || overridden), problems };
}

function problemOf(
  subject: ApprovalSubject,
  requesterPerson: string,
  given: EvidencedVerdict,
  trusted: ReadonlyMap<string, ApproverKey> | undefined,
): string | undefined {
  if (!VERDICTS.includes(given.verdict)) return "there is no such verdict";
  const key = parseApproverKey(given.publicKey);
  if (key.id !== given.keyId) return "the key is not the one that is named";
  if (trusted !== undefined && !trusted.has(key.id)) return "the key is none of those given";
  if (given.principal === subject.requester || given.person === requesterPerson) return "it is the requester's own";
  const at = Date.parse(given.time);
  if (!(at <= Date.parse(subject.expires)) || !(at >= Date.parse(subject.created)))
    return "it was given before the request was made, or too late";
  const statement = statementBytes(subject, given.verdict, given.reason);
  const signature = Buffer.from(given.signature, "base64");
  const right =
    given.authenticatorData === undefined || given.clientDataJson === undefined
      ? signatureMatches(key, statement, signature)
      : assertionMatches(
          key,
          statement,
          {
            authenticatorData: Buffer.from(given.authenticatorData, "base64"),
            clientDataJson: Buffer.from(given.clientDataJson, "base64"),
          },
          signature,
        );
  return right ? undefined : `the signature is not of this statement (${statementDigest(statement)})`;
}

/** Evidence out of its JSON text. @throws {HsmError} INVALID_REQUEST */
export function parseEvidence(text: string): ApprovalEvidence {
  let value: Partial<ApprovalEvidence> | null;
  try {
    value = JSON.parse(text) as Partial<ApprovalEvidence> | null;
  } catch (cause) {
    throw new HsmError("INVALID_REQUEST", "the evidence is not JSON", { cause });
  }
  const strings = (from: object, ...names: readonly string[]): boolean =>
    names.every((name) => typeof (from as Record<string, unknown>)[name] === "string");
  const whole =
    value !== null &&
    typeof value === "object" &&
    strings(value, "subject", "requesterPerson") &&
    Array.isArray(value.verdicts) &&
    value.verdicts.every(
      (one: unknown) =>
        one !== null &&
        typeof one === "object" &&
        strings(one, "verdict", "reason", "principal", "person", "time", "keyId", "publicKey", "signature") &&
        Array.isArray((one as EvidencedVerdict).roles),
    );
  if (!whole) throw new HsmError("INVALID_REQUEST", "the file is no evidence of an approval");
  return value as ApprovalEvidence;
}
