/** Who may do what: the policy, its explanations, roles and grants. */
import type { Ways } from "../operation-ways.ts";

export interface PolicyVersion {
  readonly version: number;
  /** SHA-256 of the signed statement, hexadecimal. */
  readonly digest: string;
  readonly previous: string;
  readonly author: string;
  readonly comment: string;
  readonly createdAt?: Date;
  readonly signature: Buffer;
  readonly publicKey: Buffer;
}

export interface GetPolicyResponse {
  readonly policy?: PolicyVersion;
  /** Canonical JSON. */
  readonly document: string;
  readonly statement: string;
}

export interface SetPolicyRequest {
  /** 0 = there is none yet. */
  readonly expectedVersion?: number | undefined;
  readonly document: string;
  readonly comment?: string | undefined;
}

export interface PolicyDifference {
  readonly change: string;
  readonly part: string;
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

export interface PolicyQuestion {
  readonly principal: string;
  readonly roles?: readonly string[] | undefined;
  readonly reach?: readonly string[] | undefined;
  readonly method?: string | undefined;
  /** What the issuer of the token said of them, as members of rules are written. */
  readonly claims?: readonly string[] | undefined;
  readonly operation: string;
  readonly namespace?: string | undefined;
  readonly keyId?: string | undefined;
  readonly address?: string | undefined;
  readonly time?: Date | undefined;
  readonly mfaAt?: Date | undefined;
  readonly algorithm?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly demands?: readonly string[] | undefined;
  /** allow, deny or approve. */
  readonly expect?: string | undefined;
}

export interface PolicyAnswer {
  readonly decision: string;
  readonly rule: string;
  readonly name: string;
  readonly approvals: readonly string[];
  readonly asExpected: boolean;
}

export interface PolicyStep {
  readonly rule: string;
  readonly name: string;
  readonly permission: string;
  readonly applies: boolean;
  readonly detail: string;
}

export interface ReplayedDecision {
  readonly sequence: number;
  readonly time?: Date;
  readonly principal: string;
  readonly operation: string;
  readonly namespace: string;
  readonly keyId: string;
  readonly before: string;
  readonly after: string;
  readonly rule: string;
  readonly name: string;
}

export interface ReplayPolicyResponse {
  readonly differences: readonly ReplayedDecision[];
  readonly decisions: number;
  readonly undetermined: number;
  readonly next: number;
}

export interface Role {
  readonly name: string;
  readonly builtIn: boolean;
  readonly description: string;
  readonly permissions: readonly string[];
  readonly families: readonly string[];
}

export interface Grant {
  readonly grantId: string;
  readonly namespace: string;
  readonly keyId: string;
  readonly grantor: string;
  readonly grantee: string;
  readonly operation: string;
  readonly condition: string;
  readonly createdAt?: Date;
  readonly expiresAt?: Date;
  /** 0 = as often as one likes. */
  readonly maxUses: number;
  /** How often it was used, when `maxUses` is not 0. */
  readonly uses: number;
}

export interface CreateGrantRequest {
  readonly namespace?: string | undefined;
  readonly keyId: string;
  readonly grantee: string;
  readonly operation: string;
  readonly condition?: string | undefined;
  readonly expiresAt?: Date | undefined;
  /** Left out or 0 = as often as one likes. */
  readonly maxUses?: number | undefined;
}

export interface ConfigVersion {
  readonly version: number;
  /** SHA-256 of the signed statement, hexadecimal. */
  readonly digest: string;
  readonly previous: string;
  readonly createdAt?: Date;
  readonly signature: Buffer;
  readonly publicKey: Buffer;
  /** Empty = nobody accepted it. */
  readonly acceptedBy: string;
  readonly acceptedAt?: Date;
  readonly acceptanceStatement: string;
  readonly acceptanceSignature: Buffer;
}

export interface GetConfigVersionResponse {
  readonly configuration?: ConfigVersion;
  /** Canonical JSON. */
  readonly document: string;
  readonly statement: string;
}

export interface PolicyOperations {
  getPolicy(request?: { readonly version?: number | undefined }): Promise<GetPolicyResponse>;
  setPolicy(request: SetPolicyRequest): Promise<PolicyVersion>;
  listPolicyVersions(): Promise<readonly PolicyVersion[]>;
  diffPolicy(request: {
    readonly fromVersion?: number | undefined;
    readonly toVersion?: number | undefined;
    readonly document?: string | undefined;
  }): Promise<readonly PolicyDifference[]>;
  testPolicy(request: { readonly document?: string | undefined; readonly questions: readonly PolicyQuestion[] }): Promise<{
    readonly answers: readonly PolicyAnswer[];
    readonly failed: number;
  }>;
  explainDecision(request: {
    readonly document?: string | undefined;
    readonly question: PolicyQuestion;
  }): Promise<{ readonly answer: PolicyAnswer; readonly steps: readonly PolicyStep[] }>;
  replayPolicy(request: {
    readonly document: string;
    readonly after?: number | undefined;
    readonly limit?: number | undefined;
  }): Promise<ReplayPolicyResponse>;
  listConfigVersions(): Promise<readonly ConfigVersion[]>;
  getConfigVersion(request?: { readonly version?: number | undefined }): Promise<GetConfigVersionResponse>;
  acceptConfig(request: { readonly version: number }): Promise<ConfigVersion>;
  listRoles(): Promise<readonly Role[]>;
  createGrant(request: CreateGrantRequest): Promise<Grant>;
  listGrants(request: { readonly namespace?: string | undefined; readonly keyId: string }): Promise<readonly Grant[]>;
  revokeGrant(request: { readonly namespace?: string | undefined; readonly keyId: string; readonly grantId: string }): Promise<Grant>;
}

export const POLICY_OPERATIONS: Ways<PolicyOperations> = {
  getPolicy: "GetPolicy",
  setPolicy: ["SetPolicy", "policy"],
  listPolicyVersions: ["ListPolicyVersions", "policies"],
  diffPolicy: ["DiffPolicy", "differences"],
  testPolicy: "TestPolicy",
  explainDecision: "ExplainDecision",
  replayPolicy: "ReplayPolicy",
  listConfigVersions: ["ListConfigVersions", "versions"],
  getConfigVersion: "GetConfigVersion",
  acceptConfig: ["AcceptConfig", "configuration"],
  listRoles: ["ListRoles", "roles"],
  createGrant: ["CreateGrant", "grant"],
  listGrants: ["ListGrants", "grants"],
  revokeGrant: ["RevokeGrant", "grant"],
};
