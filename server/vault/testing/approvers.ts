/** For tests: people with certificates and approver keys, and what they sign. */
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { parseSubject, statementBytes, type Verdict } from "@keystead/crypto/public/approval-statement";
import { parseApproverKey } from "@keystead/crypto/public/approver-key";
import { ceremonyPrincipal } from "../authenticate/authenticate.ts";
import type { Principal } from "../authenticate/principal.ts";

/** Somebody who logs in by certificate. */
export const person = (name: string, roles: readonly string[], namespaces: readonly string[] | "all" = "all"): Principal => ({
  ...ceremonyPrincipal(name, roles),
  id: `cert:${name}`,
  method: "certificate",
  namespaces: namespaces === "all" ? "all" : new Set(namespaces),
});

const KINDS = [
  () => generateKeyPairSync("ed25519"),
  () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  () => generateKeyPairSync("ml-dsa-65"),
] as const;
let made = 0;

/** An approver key: the private half is here, in the test, as it would be with the person. */
export interface TestApprover {
  readonly principal: Principal;
  readonly keyId: string;
  readonly publicKey: string;
  readonly privateKey: KeyObject;
  /** Signature over bytes. */
  sign(bytes: Uint8Array): Buffer;
  /** A verdict on a subject, as a request carries it. */
  says(approvalId: string, subject: string, verdict: Verdict, reason?: string): VerdictFields;
}

export interface VerdictFields {
  readonly approvalId: string;
  readonly approverKey: string;
  readonly signature: Uint8Array;
  readonly reason: string;
}

/** A person with a key; kinds of keys take turns. */
export function approver(principal: Principal): TestApprover {
  const { publicKey, privateKey } = (KINDS[made++ % KINDS.length] as (typeof KINDS)[number])();
  const pem = publicKey.export({ format: "pem", type: "spki" }) as string;
  const signed = (bytes: Uint8Array): Buffer => sign(privateKey.asymmetricKeyType === "ec" ? "sha256" : null, bytes, privateKey);
  const keyId = parseApproverKey(pem).id;
  return {
    principal,
    keyId,
    publicKey: pem,
    privateKey,
    sign: signed,
    says: (approvalId, subject, verdict, reason = "") => ({
      approvalId,
      approverKey: keyId,
      signature: signed(statementBytes(parseSubject(subject), verdict, reason)),
      reason,
    }),
  };
}
