/** Who may do what, written down apart from the server's own table (the documentation). */
import { OPERATIONS } from "@keystead/contract/operations/register";

/** Operations for callers without a credential. */
export const WITHOUT_A_CREDENTIAL = ["Login", "CompleteLogin", "RefreshSession", "LoginService", "LoginOidc", "LoginToken", "GetJwks"];
export const WITH_A_CREDENTIAL = OPERATIONS.filter(({ name }) => !WITHOUT_A_CREDENTIAL.includes(name));

const EVERYTHING = OPERATIONS.map(({ name }) => name);
const CRYPTO = [
  "Sign",
  "GenerateCsr",
  "GenerateCertificate",
  "Verify",
  "Encrypt",
  "Decrypt",
  "GenerateMac",
  "VerifyMac",
  "GenerateDataKey",
  "Hash",
  "GenerateRandom",
  "Batch",
  "HpkeSeal",
  "HpkeOpen",
  "RewrapData",
];
/** For the roles that share secrets with others. */
const ESTABLISH = ["Encapsulate", "Decapsulate", "AgreeKey"];
const READ = ["GetKey", "GetPublicKey", "ListKeys", "ListVersions", "FindObjects", "GetStoredObject", "FindStoredObjects"];
const DAILY = [
  "StoreObject",
  "UpdateStoredObject",
  "DeleteStoredObject",
  "GenerateKey",
  "ImportKey",
  "RotateKey",
  "RollbackKey",
  "ActivateKey",
  "SuspendKey",
  "ResumeKey",
  "DeactivateKey",
  "UpdateKey",
  "SetAttributes",
  "UnwrapKey",
];
const SEE_NAMESPACES = ["ListNamespaces", "GetNamespace"];
/** Keys leave. */
const LET_OUT = ["WrapKey", "ExportKey", "CopyKey"];
/** What came of one's own requests that others must agree to. */
const ASK = ["ListApprovals", "GetApproval", "CancelRequest", "ListApproverKeys"];
/** Handing on what one holds. */
const HAND_ON = ["CreateGrant", "ListGrants", "RevokeGrant"];
/** Looking at who may do what. */
const VIEW_POLICY = [
  "ListConfigVersions",
  "GetConfigVersion",
  "GetPolicy",
  "ListPolicyVersions",
  "DiffPolicy",
  "TestPolicy",
  "ExplainDecision",
  "ReplayPolicy",
  "ListRoles",
];
/** Agreeing to others'. */
const AGREE = [...ASK, "ApproveRequest", "DenyRequest", "RegisterApproverKey", "AdoptPasskey", "RevokeApproverKey"];
/** About oneself, and what needs no credential at all. */
const SELF = [
  "EnrollTotp",
  "ConfirmTotp",
  "BeginWebAuthnRegistration",
  "FinishWebAuthnRegistration",
  "GenerateRecoveryCodes",
  "Logout",
  "ListSessions",
  "WhoAmI",
  "SetTokenPin",
  "Reauthenticate",
  "ListTokens",
  "GetToken",
  // What the log proves, in hashes.
  "GetAuditCheckpoint",
  "ListAuditCheckpoints",
  "ProveAuditEvent",
  "GetAuditBreak",
  "ProveAuditConsistency",
  "GetAuditEntries",
  "GetAuditTile",
  ...WITHOUT_A_CREDENTIAL,
];
const SEE_SINKS = ["GetSink", "ListSinks", "ListDeliveries"];
const FOR_GOOD = ["DeleteKey", "DestroyKey", "CancelDestruction", "PurgeKey", "RevokeKey"];

/** Operations by the canonical role that has them. */
export const MAY: Readonly<Record<string, readonly string[]>> = {
  Administrator: EVERYTHING,
  NamespaceAdmin: [
    ...SELF,
    ...DAILY,
    ...AGREE,
    ...READ,
    ...FOR_GOOD,
    ...LET_OUT,
    ...SEE_NAMESPACES,
    "SuspendNamespace",
    "SetBudget",
    "ListBudgets",
    "DeleteBudget",
    "GetAuditLog",
    "StreamAuditLog",
    ...SEE_SINKS,
    "CreateSink",
    "UpdateSink",
    "DeleteSink",
    "TestSink",
    "RedeliverDelivery",
    "RotateSinkSecret",
    "GetStatus",
  ],
  Operator: [
    ...SELF,
    ...HAND_ON,
    ...DAILY,
    ...AGREE,
    ...READ,
    ...CRYPTO,
    ...ESTABLISH,
    "DeriveKey",
    ...SEE_NAMESPACES,
    "GetStatus",
    "ListAlerts",
  ],
  KeyAdmin: [...SELF, ...DAILY, ...AGREE, ...READ, ...FOR_GOOD, ...LET_OUT, ...SEE_NAMESPACES, "GetStatus"],
  KeyUser: [...SELF, ...HAND_ON, ...READ, ...AGREE, ...CRYPTO, "GetStatus"],
  Service: [...SELF, ...READ, ...ASK, ...CRYPTO, "SignDigest", "SignRaw", ...ESTABLISH, "GetStatus"],
  Auditor: [
    ...SELF,
    ...VIEW_POLICY,
    "GetUser",
    "ListUsers",
    "ListServiceAccounts",
    ...READ,
    ...AGREE,
    ...SEE_NAMESPACES,
    "ListBudgets",
    "GetAuditLog",
    "StreamAuditLog",
    ...SEE_SINKS,
    "GetScript",
    "ListScripts",
    "SimulateScript",
    "GetStatus",
    "ListAlerts",
  ],
};
/** Roles by the names they had before. */
export const ALIASES: Readonly<Record<string, string>> = {
  admin: "Administrator",
  user: "KeyUser",
  operator: "Operator",
  auditor: "Auditor",
};
