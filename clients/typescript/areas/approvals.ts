/** Dual control: requests that wait for others, and the keys by which those sign what they say. */
import type { Ways } from "../operation-ways.ts";

export type ApprovalStateName = "pending" | "approved" | "executing" | "done" | "failed" | "denied" | "cancelled" | "expired";

export interface WebauthnAssertion {
  readonly authenticatorData: Uint8Array;
  readonly clientDataJson: Uint8Array;
}

export interface ApprovalRule {
  readonly rule: string;
  readonly quorum: number;
  readonly roles: readonly string[];
  readonly reason: string;
}

export interface ApprovalVerdict {
  /** approve, deny or override. */
  readonly verdict: string;
  readonly reason: string;
  readonly principal: string;
  readonly person: string;
  readonly roles: readonly string[];
  readonly time?: Date;
  readonly approverKey: string;
  /** DER in base64. */
  readonly publicKey: string;
  readonly signature: Buffer;
  readonly assertion?: WebauthnAssertion;
}

export interface Approval {
  readonly id: string;
  readonly action: string;
  readonly namespace: string;
  readonly keyId: string;
  readonly requester: string;
  readonly requesterPerson: string;
  readonly state: ApprovalStateName;
  readonly createdAt?: Date;
  readonly expiresAt?: Date;
  readonly closedAt?: Date;
  readonly rules: readonly ApprovalRule[];
  readonly verdicts: readonly ApprovalVerdict[];
  readonly overridden: boolean;
  readonly outcome: string;
  readonly detail: string;
  /** Canonical JSON of what is asked for; see approvals.ts for what is signed. */
  readonly subject: string;
  readonly approvedBy: string;
  readonly approvedAt?: Date;
  readonly hasResult: boolean;
}

export interface ListApprovalsRequest {
  readonly namespace?: string | undefined;
  readonly state?: ApprovalStateName | undefined;
  readonly pageSize?: number | undefined;
  readonly pageToken?: string | undefined;
}

export interface ListApprovalsResponse {
  readonly approvals: readonly Approval[];
  readonly nextPageToken: string;
}

export interface ApprovalAddress {
  readonly approvalId: string;
  /** Where the request is, for callers whose rights are there alone. */
  readonly namespace?: string | undefined;
}

export interface GetApprovalResponse {
  readonly approval: Approval;
  /** With withResult: the operation's answer as its message; for the requester alone, and a secret one once. */
  readonly result: Buffer;
  readonly resultJson: string;
}

export interface VerdictRequest extends ApprovalAddress {
  readonly approverKey: string;
  readonly signature: Uint8Array;
  readonly reason?: string | undefined;
  readonly assertion?: WebauthnAssertion | undefined;
}

export interface VerdictResponse {
  readonly status: ApprovalStateName;
  readonly approvalId: string;
  readonly approval: Approval;
}

export interface ApproverKey {
  readonly id: string;
  readonly principal: string;
  readonly person: string;
  readonly kind: string;
  readonly publicKey: string;
  readonly description: string;
  readonly registeredAt?: Date;
  readonly revokedAt?: Date;
  readonly configured: boolean;
  readonly rpId: string;
  /** The second factor of its user that it is too; empty for others. */
  readonly credentialId: string;
}

export interface RegisterApproverKeyRequest {
  readonly publicKey: string;
  readonly signature: Uint8Array;
  readonly description?: string | undefined;
  readonly rpId?: string | undefined;
  readonly assertion?: WebauthnAssertion | undefined;
}

/** A second factor of one's own user; the assertion is of `adoptionBytes`. */
export interface AdoptPasskeyRequest {
  /** base64url. */
  readonly credentialId: string;
  readonly signature: Uint8Array;
  readonly assertion: WebauthnAssertion;
  readonly description?: string | undefined;
}

export interface ListApproverKeysResponse {
  readonly keys: readonly ApproverKey[];
  readonly vaultId: string;
  readonly principal: string;
  readonly person: string;
}

export interface ApprovalOperations {
  listApprovals(request?: ListApprovalsRequest): Promise<ListApprovalsResponse>;
  getApproval(request: ApprovalAddress & { readonly withResult?: boolean | undefined }): Promise<GetApprovalResponse>;
  approveRequest(request: VerdictRequest): Promise<VerdictResponse>;
  denyRequest(request: VerdictRequest): Promise<VerdictResponse>;
  /** An emergency: past the request's own rules, by a quorum of its own. */
  overrideApproval(request: VerdictRequest): Promise<VerdictResponse>;
  cancelRequest(request: ApprovalAddress): Promise<VerdictResponse>;
  registerApproverKey(request: RegisterApproverKeyRequest): Promise<ApproverKey>;
  adoptPasskey(request: AdoptPasskeyRequest): Promise<ApproverKey>;
  listApproverKeys(request?: { readonly principal?: string | undefined }): Promise<ListApproverKeysResponse>;
  revokeApproverKey(request: { readonly approverKey: string; readonly reason?: string | undefined }): Promise<ApproverKey>;
}

export const APPROVAL_OPERATIONS: Ways<ApprovalOperations> = {
  listApprovals: "ListApprovals",
  getApproval: "GetApproval",
  approveRequest: "ApproveRequest",
  denyRequest: "DenyRequest",
  overrideApproval: "OverrideApproval",
  cancelRequest: "CancelRequest",
  registerApproverKey: ["RegisterApproverKey", "key"],
  adoptPasskey: ["AdoptPasskey", "key"],
  listApproverKeys: "ListApproverKeys",
  revokeApproverKey: ["RevokeApproverKey", "key"],
};
