/**
 * What an approver signs: the text of one verdict on one request.
 *
 *      "Keystead approval statement, version 1\n" ‖ canonical JSON (RFC 8785) of the subject, the verdict and the reason
 *
 * The text is signed as it is, so that it can be read before it is signed, by any program that signs bytes. The first line
 * keeps it apart from everything else a key may sign; vault, approval, verdict and expiry inside it keep one verdict from
 * serving for another request, another verdict, another vault or another day. The digest is SHA-256 of the same bytes.
 *
 * The vault, the client and the offline check make the text by this one file. It must never take a private key.
 *
 * @see docs/operate/dual-control.md; RFC 8785
 */
import { hash } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { canonicalJson, type Json } from "../formats/canonical-json.ts";

/** What somebody says to a pending request. An override is an approval outside the request's own rules. */
export const VERDICTS = Object.freeze(["approve", "deny", "override"] as const);
export type Verdict = (typeof VERDICTS)[number];

/** A demand that the request must meet: so many persons with one of these roles. */
export interface SubjectRule {
  readonly quorum: number;
  readonly reason: string;
  readonly roles: readonly string[];
  readonly rule: string;
}

/** What is asked for: the same for every verdict on one request. Times are ISO 8601, UTC, milliseconds. */
export interface ApprovalSubject {
  /** Id of the pending request. */
  readonly approval: string;
  readonly created: string;
  readonly expires: string;
  /** Empty when the request names no key. */
  readonly key: string;
  /** Empty for requests about the server. */
  readonly namespace: string;
  readonly operation: string;
  /** The rule by which an emergency override goes past the others; null when there is none. */
  readonly override: SubjectRule | null;
  /** SHA-256 of the exact message, hexadecimal; of a random salt and the message where the message holds a secret to guess. */
  readonly payload: string;
  /** Version of the policy that raised the demand. */
  readonly policy: string;
  /** The message's fields, secrets left out, other bytes by length and SHA-256. */
  readonly request: Json;
  /** Principal who asked. */
  readonly requester: string;
  readonly rules: readonly SubjectRule[];
  /** Id of the vault. */
  readonly vault: string;
}

const STATEMENT = "Keystead approval statement, version 1\n";
const REGISTRATION = "Keystead approver key, version 1\n";
const ADOPTION = "Keystead approver key out of a passkey, version 1\n";
const NAMES = ["approval", "created", "expires", "key", "namespace", "operation", "payload", "policy", "requester", "vault"] as const;

/**
 * The bytes that are signed for a verdict.
 *
 * @param reason why; empty for none. An override must have one, which is its judge's business
 */
export const statementBytes = (subject: ApprovalSubject, verdict: Verdict, reason: string): Buffer =>
  Buffer.from(`${STATEMENT}${canonicalJson({ ...(subject as unknown as Record<string, Json>), reason, verdict })}`, "utf8");

/** The digest that names a statement: SHA-256 of its bytes, hexadecimal. Also what a WebAuthn challenge is made of. */
export const statementDigest = (statement: Uint8Array): string => hash("sha256", statement, "hex");

/** The canonical text of a subject, as it is kept, sent and shown. */
export const subjectText = (subject: ApprovalSubject): string => canonicalJson(subject as unknown as Json);

/**
 * A subject out of its canonical text.
 *
 * @throws {HsmError} INVALID_REQUEST   it is no subject, or not written canonically: two texts must not mean one subject
 */
export function parseSubject(text: string): ApprovalSubject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notASubject("it is not JSON");
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw notASubject("it is not an object");
  const members = value as Record<string, unknown>;
  for (const name of NAMES) if (typeof members[name] !== "string") throw notASubject(`${name} is missing`);
  if (!("request" in members) || !Array.isArray(members["rules"])) throw notASubject("request or rules are missing");
  if (members["override"] !== null && !isRule(members["override"])) throw notASubject("the rule of overrides has another form");
  if (Object.keys(members).length !== NAMES.length + 3) throw notASubject("it has a member that no subject has");
  for (const rule of members["rules"] as readonly unknown[]) if (!isRule(rule)) throw notASubject("a rule has another form");
  if (canonicalJson(value as Json) !== text) throw notASubject("it is not canonical");
  return value as ApprovalSubject;
}

function isRule(value: unknown): value is SubjectRule {
  if (value === null || typeof value !== "object" || Object.keys(value).length !== 4) return false;
  const { quorum, reason, roles, rule } = value as Record<string, unknown>;
  return (
    Number.isSafeInteger(quorum) &&
    (quorum as number) >= 1 &&
    typeof reason === "string" &&
    typeof rule === "string" &&
    Array.isArray(roles) &&
    roles.length > 0 &&
    roles.every((role) => typeof role === "string")
  );
}

/**
 * The bytes by whose signature somebody proves to hold an approver key when it is registered.
 *
 * @param keyId as approver-key.ts makes it of the public key
 */
export const registrationBytes = (vault: string, principal: string, keyId: string): Buffer =>
  Buffer.from(`${REGISTRATION}${canonicalJson({ key: keyId, principal, vault })}`, "utf8");

/**
 * The bytes whose SHA-256 a second factor of a user is asked to assert, when it becomes an approver key too.
 *
 * @param credential its id, base64url
 */
export const adoptionBytes = (vault: string, principal: string, credential: string): Buffer =>
  Buffer.from(`${ADOPTION}${canonicalJson({ credential, principal, vault })}`, "utf8");

const notASubject = (why: string): HsmError => new HsmError("INVALID_REQUEST", `no subject of an approval: ${why}`);
