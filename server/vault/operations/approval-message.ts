/** A pending request and an approver key as messages. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  ApprovalState,
  type ApprovalSchema,
  type ApproverKeySchema,
  type WebauthnAssertion,
} from "@keystead/contract/generated/hsm/approvals_pb";
import { parseSubject } from "@keystead/crypto/public/approval-statement";
import type { Approval, ApprovalState as StateName } from "../approvals/approval.ts";
import type { ApproverKeys, RegisteredKey } from "../approvals/approver-keys.ts";
import type { Step } from "../approvals/approvals.ts";

const STATES: Readonly<Record<StateName, ApprovalState>> = Object.freeze({
  pending: ApprovalState.PENDING,
  approved: ApprovalState.APPROVED,
  executing: ApprovalState.EXECUTING,
  done: ApprovalState.DONE,
  failed: ApprovalState.FAILED,
  denied: ApprovalState.DENIED,
  cancelled: ApprovalState.CANCELLED,
  expired: ApprovalState.EXPIRED,
});

export const approvalStateNumber = (state: StateName): ApprovalState => STATES[state];

export function approvalMessage(id: string, approval: Approval): MessageInitShape<typeof ApprovalSchema> {
  const subject = parseSubject(approval.subject);
  const last = approval.state === "pending" ? undefined : approval.verdicts.findLast(({ verdict }) => verdict !== "deny");
  return {
    id,
    action: subject.operation,
    namespace: subject.namespace,
    keyId: subject.key,
    requester: approval.requester.id,
    requesterPerson: approval.requester.person,
    state: STATES[approval.state],
    createdAt: timestampFromMs(approval.createdAt),
    expiresAt: timestampFromMs(approval.expiresAt),
    ...(approval.closedAt === undefined ? {} : { closedAt: timestampFromMs(approval.closedAt) }),
    rules: subject.rules.map(({ rule, quorum, roles, reason }) => ({ rule, quorum, roles: [...roles], reason })),
    verdicts: approval.verdicts.map((one) => ({
      verdict: one.verdict,
      reason: one.reason,
      principal: one.principal,
      person: one.person,
      roles: [...one.roles],
      time: timestampFromMs(Date.parse(one.time)),
      approverKey: one.keyId,
      publicKey: one.publicKey,
      signature: Buffer.from(one.signature, "base64"),
      ...(one.authenticatorData === undefined || one.clientDataJson === undefined
        ? {}
        : {
            assertion: {
              authenticatorData: Buffer.from(one.authenticatorData, "base64"),
              clientDataJson: Buffer.from(one.clientDataJson, "base64"),
            },
          }),
    })),
    overridden: approval.overridden ?? false,
    outcome: approval.outcome ?? "",
    detail: approval.detail ?? "",
    subject: approval.subject,
    ...(last === undefined ? {} : { approvedBy: last.principal, approvedAt: timestampFromMs(Date.parse(last.time)) }),
    hasResult: approval.result !== undefined,
  };
}

/** What a step gives the monitor: the change, and of the log what it is about and its proof. */
export function stepResult({ id, approval, change, evidence }: Step) {
  const { namespace, key } = parseSubject(approval.subject);
  return {
    reply: { status: approval.state, approvalId: id, approval: approvalMessage(id, approval) },
    namespace,
    keyId: key,
    approval: evidence,
    change,
  };
}

/** A signature as a request brings it. */
export const givenSignature = ({
  signature,
  assertion,
}: {
  readonly signature: Uint8Array;
  readonly assertion?: WebauthnAssertion | undefined;
}): {
  readonly signature: Uint8Array;
  readonly assertion: { readonly authenticatorData: Uint8Array; readonly clientDataJson: Uint8Array } | undefined;
} => ({
  signature,
  assertion:
    assertion === undefined ? undefined : { authenticatorData: assertion.authenticatorData, clientDataJson: assertion.clientDataJson },
});

export function approverKeyMessage(
  key: RegisteredKey,
  person: string,
  keys: Pick<ApproverKeys, "isConfigured">,
): MessageInitShape<typeof ApproverKeySchema> {
  return {
    id: key.id,
    principal: key.principal,
    person,
    kind: key.kind,
    publicKey: key.spki,
    description: key.description,
    ...(key.registeredAt === 0 ? {} : { registeredAt: timestampFromMs(key.registeredAt) }),
    ...(key.revokedAt === undefined ? {} : { revokedAt: timestampFromMs(key.revokedAt) }),
    configured: keys.isConfigured(key.id),
    rpId: key.rpId,
    credentialId: key.factor?.credentialId ?? "",
  };
}
