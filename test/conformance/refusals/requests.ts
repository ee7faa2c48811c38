/**
 * A request of every operation that would be answered, were nothing else wrong: what the refusals are made from. An
 * operation without a row fails the tests of this folder, which walk the operation table.
 *
 * The keys, scripts and people that the requests name are made by refusing-vault.ts.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import type { ErrorCode } from "@keystead/contract/errors";
import { Algorithm, Digest, Kdf, KeyMaterialFormat, RawPadding } from "@keystead/contract/generated/hsm/hsm_pb";
import { ScriptEngine } from "@keystead/contract/generated/hsm/scripts_pb";
import { StoredObjectClass } from "@keystead/contract/generated/hsm/stored_objects_pb";
import { TokenPin } from "@keystead/contract/generated/hsm/tokens_pb";
import type { Operation } from "@keystead/contract/operation";
import { OPERATIONS, operationByName } from "@keystead/contract/operations/register";

/** What a namespace's keys made, for the operations that take it back. */
export interface Made {
  /** By the key "cipher". */
  readonly ciphertext: Buffer;
  /** Sealed by HPKE for the key "agree", the encapsulated key in front. */
  readonly letter: Buffer;
  /** The key "leaver", under the key "wrapper". */
  readonly wrappedKey: Buffer;
}

/** The row of an operation that exists. */
export function row(name: string): Operation {
  const found = operationByName(name);
  assert.ok(found !== undefined, `there is no operation ${name}`);
  return found;
}

/** Operations that take part in refusals of messages: all that are possible while the vault is open. */
export const OPEN = OPERATIONS.filter(({ phases }) => phases.includes("open"));
export const ABOUT_A_KEY = OPERATIONS.filter(({ method, scope }) => scope === "key" && "keyId" in method.input.field);

export const DATA = Buffer.from("data");
const PIN = Buffer.from("a long PIN");
const NO_SINK = "sink-0000000000000000";
const POLICY = Buffer.from('function evaluate(context) return "allow" end');
/** On a request that never was. */
const VERDICT = { approvalId: "absent", approverKey: "0".repeat(64), signature: Buffer.alloc(64) };
/** Whom keys are exported for. */
const RECIPIENT = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "pem", type: "spki" }) as string;
/** Of a namespace where nothing was made. */
const NOTHING_MADE: Made = { ciphertext: DATA, letter: DATA, wrappedKey: DATA };

/** A request of every operation that would be answered, were nothing else wrong. An operation without a row fails. */
const VALID: Readonly<Record<string, (namespace: string, made: Made) => object>> = {
  GenerateKey: (namespace) => ({ namespace, algorithm: Algorithm.Ed25519 }),
  ImportKey: (namespace) => ({
    namespace,
    algorithm: Algorithm.HmacSha256,
    keyMaterial: Buffer.alloc(32, 7),
    format: KeyMaterialFormat.RAW,
  }),
  GetKey: (namespace) => ({ namespace, keyId: "signer" }),
  GetPublicKey: (namespace) => ({ namespace, keyId: "signer" }),
  ListKeys: (namespace) => ({ namespace }),
  RotateKey: (namespace) => ({ namespace, keyId: "turning" }),
  DeleteKey: (namespace) => ({ namespace, keyId: "doomed" }),
  ActivateKey: (namespace) => ({ namespace, keyId: "staged" }),
  SuspendKey: (namespace) => ({ namespace, keyId: "turning" }),
  ResumeKey: (namespace) => ({ namespace, keyId: "suspended" }),
  DeactivateKey: (namespace) => ({ namespace, keyId: "turning" }),
  RevokeKey: (namespace) => ({ namespace, keyId: "turning" }),
  RollbackKey: (namespace) => ({ namespace, keyId: "turned", version: 1 }),
  ListVersions: (namespace) => ({ namespace, keyId: "signer" }),
  UpdateKey: (namespace) => ({ namespace, keyId: "turning", description: "turns" }),
  DestroyKey: (namespace) => ({ namespace, keyId: "turning" }),
  CancelDestruction: (namespace) => ({ namespace, keyId: "scheduled" }),
  PurgeKey: (namespace) => ({ namespace, keyId: "due" }),
  ApprovePurge: (namespace) => ({ namespace, keyId: "waiting" }),
  SetAttributes: (namespace) => ({ namespace, keyId: "turning", attributes: { label: "turns" } }),
  CopyKey: (namespace) => ({ namespace, keyId: "leaver" }),
  FindObjects: (namespace) => ({ namespace, match: { keyType: "CKK_AES" } }),
  Sign: (namespace) => ({ namespace, keyId: "signer", data: DATA }),
  SignDigest: (namespace) => ({ namespace, keyId: "curve", digestValue: Buffer.alloc(32, 7) }),
  SignRaw: (namespace) => ({ namespace, keyId: "bare", rawData: DATA, padding: RawPadding.PKCS1 }),
  GenerateCsr: (namespace) => ({ namespace, keyId: "curve", subject: "CN=curve" }),
  GenerateCertificate: (namespace) => ({ namespace, keyId: "curve", subject: "CN=curve", validityDays: 1 }),
  Verify: (namespace) => ({ namespace, keyId: "signer", data: DATA, signature: Buffer.alloc(64) }),
  Encrypt: (namespace) => ({ namespace, keyId: "cipher", plaintext: DATA }),
  Decrypt: (namespace, { ciphertext }) => ({ namespace, keyId: "cipher", ciphertext }),
  GenerateMac: (namespace) => ({ namespace, keyId: "mac", data: DATA }),
  VerifyMac: (namespace) => ({ namespace, keyId: "mac", data: DATA, mac: Buffer.alloc(32) }),
  GenerateDataKey: (namespace) => ({ namespace, keyId: "cipher" }),
  WrapKey: (namespace) => ({ namespace, keyId: "wrapper", targetKeyId: "leaver" }),
  UnwrapKey: (namespace, { wrappedKey }) => ({
    namespace,
    keyId: "wrapper",
    wrappedKey,
    asKey: { algorithm: Algorithm.HmacSha256 },
  }),
  ExportKey: (namespace) => ({ namespace, keyId: "leaver", recipientPublicKey: RECIPIENT }),
  RewrapData: (namespace, { ciphertext }) => ({ namespace, keyId: "cipher", ciphertext }),
  Hash: () => ({ algorithm: Digest.Sha256, data: DATA }),
  GenerateRandom: () => ({ sizeBytes: 8 }),
  Batch: (namespace) => ({ namespace, items: [{ operation: { case: "sign", value: { keyId: "signer", data: DATA } } }] }),
  CreateNamespace: (namespace) => ({ namespace: namespace === "" ? "default" : namespace }),
  ListNamespaces: () => ({}),
  GetNamespace: (namespace) => ({ namespace: namespace || "default" }),
  UpdateNamespace: (namespace) => ({ namespace: namespace || "default", maxKeys: 10_000 }),
  SuspendNamespace: (namespace) => ({ namespace: namespace || "idle" }),
  ResumeNamespace: (namespace) => ({ namespace: namespace || "idle" }),
  DeleteNamespace: (namespace) => ({ namespace: namespace || "idle" }),
  CancelNamespaceDeletion: (namespace) => ({ namespace: namespace || "idle" }),
  PurgeNamespace: (namespace) => ({ namespace: namespace || "idle" }),
  // Large ones, so that nothing here is refused for them.
  SetBudget: (namespace) => ({ namespace, principal: "nobody", perDay: 1_000_000 }),
  ListBudgets: (namespace) => ({ namespace }),
  DeleteBudget: (namespace) => ({ namespace, budgetId: "budget-0" }),
  CreateSink: (namespace) => ({
    namespace,
    name: "nobody hears",
    disabled: true,
    target: { webhook: { url: "https://nowhere.example/" } },
  }),
  GetSink: (namespace) => ({ namespace, sinkId: NO_SINK }),
  ListSinks: (namespace) => ({ namespace }),
  UpdateSink: (namespace) => ({ namespace, sinkId: NO_SINK }),
  DeleteSink: (namespace) => ({ namespace, sinkId: NO_SINK }),
  TestSink: (namespace) => ({ namespace, sinkId: NO_SINK }),
  ListDeliveries: (namespace) => ({ namespace, sinkId: NO_SINK }),
  RedeliverDelivery: (namespace) => ({ namespace, sinkId: NO_SINK, sequence: 1n }),
  RotateSinkSecret: (namespace) => ({ namespace, sinkId: NO_SINK }),
  GetAuditLog: (namespace) => ({ namespace, pageSize: 1 }),
  StreamAuditLog: (namespace) => ({ namespace, untilNow: true }),
  GetStatus: () => ({}),
  ListAlerts: () => ({}),
  Unseal: () => ({ secret: Buffer.alloc(32, 9) }),
  Seal: () => ({}),
  GetAuditCheckpoint: () => ({ size: 1n }),
  ListAuditCheckpoints: () => ({}),
  ProveAuditEvent: () => ({ sequence: 1n }),
  ProveAuditConsistency: () => ({ oldSize: 1n }),
  GetAuditEntries: () => ({ fromSequence: 1n }),
  GetAuditTile: () => ({ path: "checkpoint" }),
  GetAuditBreak: () => ({}),
  AcknowledgeAuditBreak: () => ({ digest: "0".repeat(64), reason: "none" }),
  GetPolicy: () => ({}),
  // The same again is answered as it was.
  SetPolicy: () => ({ document: '{"format":1}' }),
  ListPolicyVersions: () => ({}),
  DiffPolicy: () => ({}),
  TestPolicy: () => ({ questions: [{ principal: "user:alice", operation: "Sign", namespace: "default", keyId: "signer" }] }),
  ExplainDecision: () => ({ question: { principal: "user:alice", operation: "Sign", namespace: "default", keyId: "signer" } }),
  ReplayPolicy: () => ({ document: '{"format":1}', limit: 10 }),
  ListRoles: () => ({}),
  ListConfigVersions: () => ({}),
  GetConfigVersion: () => ({}),
  // Accepted already, and accepted again.
  AcceptConfig: () => ({ version: 1 }),
  CreateGrant: (namespace) => ({ namespace, keyId: "signer", grantee: "user:alice", operation: "Sign" }),
  ListGrants: (namespace) => ({ namespace, keyId: "signer" }),
  RevokeGrant: (namespace) => ({ namespace, keyId: "signer", grantId: "none" }),
  RekeyVault: () => ({ secret: Buffer.alloc(32, 9) }),
  ListApprovals: (namespace) => ({ namespace }),
  GetApproval: (namespace) => ({ namespace, approvalId: "absent" }),
  ApproveRequest: (namespace) => ({ namespace, ...VERDICT }),
  DenyRequest: (namespace) => ({ namespace, ...VERDICT }),
  CancelRequest: (namespace) => ({ namespace, approvalId: "absent" }),
  OverrideApproval: (namespace) => ({ namespace, ...VERDICT, reason: "fire" }),
  RegisterApproverKey: () => ({ publicKey: "AAAA", signature: Buffer.alloc(64) }),
  AdoptPasskey: () => ({ credentialId: "AAAA", signature: Buffer.alloc(64) }),
  ListApproverKeys: () => ({}),
  RevokeApproverKey: () => ({ approverKey: "0".repeat(64) }),
  CreateUser: () => ({ name: "taken" }),
  GetUser: () => ({ name: "taken" }),
  ListUsers: () => ({}),
  UpdateUser: () => ({ name: "taken", displayName: "Somebody" }),
  DeleteUser: () => ({ name: "absent" }),
  SetPassword: () => ({ name: "absent", password: DATA }),
  UnlockUser: () => ({ name: "taken" }),
  EnrollTotp: () => ({ label: "phone" }),
  ConfirmTotp: () => ({ factorId: "absent", code: "123456" }),
  BeginWebAuthnRegistration: () => ({ label: "key" }),
  FinishWebAuthnRegistration: () => ({ registrationId: "absent", credentialId: "AAAA", clientDataJson: DATA, attestationObject: DATA }),
  RemoveFactor: () => ({ name: "absent", factorId: "absent" }),
  GenerateRecoveryCodes: () => ({}),
  Login: () => ({ name: "absent", password: DATA }),
  CompleteLogin: () => ({ challengeId: "absent", totpCode: "123456" }),
  RefreshSession: () => ({ refreshToken: "absent.absent" }),
  Logout: () => ({}),
  ListSessions: () => ({}),
  RevokeSession: () => ({ principal: "user:absent" }),
  WhoAmI: () => ({}),
  CreateServiceAccount: () => ({ name: "taken" }),
  ListServiceAccounts: () => ({}),
  DeleteServiceAccount: () => ({ name: "absent" }),
  CreateSecretId: () => ({ name: "absent" }),
  RevokeSecretId: () => ({ name: "absent", accessor: "absent" }),
  LoginService: () => ({ roleId: "absent", secretId: "absent.absent" }),
  LoginOidc: () => ({ token: "absent.absent.absent" }),
  GetJwks: () => ({}),
  StoreObject: (namespace) => ({ namespace, objectClass: StoredObjectClass.DATA, label: "stored", value: DATA }),
  GetStoredObject: (namespace) => ({ namespace, objectId: "obj-absent" }),
  FindStoredObjects: (namespace) => ({ namespace, label: "stored" }),
  UpdateStoredObject: (namespace) => ({ namespace, objectId: "obj-absent", label: "other" }),
  DeleteStoredObject: (namespace) => ({ namespace, objectId: "obj-absent" }),
  CreateToken: (namespace) => ({ namespace, label: "taken", soPin: PIN }),
  ListTokens: () => ({}),
  GetToken: (namespace) => ({ namespace, name: `taken${namespace}` }),
  DeleteToken: (namespace) => ({ namespace, name: "absent" }),
  LoginToken: () => ({ name: "absent", role: TokenPin.USER, pin: PIN }),
  InitToken: () => ({}),
  InitTokenPin: () => ({ pin: PIN }),
  SetTokenPin: () => ({ oldPin: PIN, newPin: PIN }),
  Reauthenticate: () => ({ secret: PIN }),
  Encapsulate: (namespace) => ({ namespace, keyId: "kem", asBytes: true }),
  Decapsulate: (namespace) => ({ namespace, keyId: "kem", ciphertext: Buffer.alloc(768, 5), asBytes: true }),
  AgreeKey: (namespace) => ({ namespace, keyId: "agree", peerPublicKey: Buffer.alloc(32, 9), asBytes: true }),
  HpkeSeal: (namespace) => ({ namespace, keyId: "agree", plaintext: DATA }),
  HpkeOpen: (namespace, { letter }) => ({ namespace, keyId: "agree", ciphertext: letter }),
  DeriveKey: (namespace) => ({
    namespace,
    keyId: "secret",
    derivation: { function: Kdf.HKDF },
    asKey: { algorithm: Algorithm.Aes256Gcm },
  }),
  UploadScript: () => ({ script: "policy", engine: ScriptEngine.LUA, source: POLICY }),
  GetScript: () => ({ script: "policy" }),
  ListScripts: () => ({}),
  EnableScript: () => ({ script: "idle" }),
  DisableScript: () => ({ script: "idle" }),
  DeleteScript: () => ({ script: "policy" }),
  SimulateScript: () => ({ script: "policy" }),
};

/** A request of the operation, a new object each time. @param namespace "" leaves it out */
export function requestOf(operation: Operation, namespace = "", made: Made = NOTHING_MADE): Record<string, unknown> {
  const make = VALID[operation.name];
  assert.ok(make !== undefined, `${operation.name} has no row in test/conformance/refusals/requests.ts`);
  return { ...make(namespace, made) } as Record<string, unknown>;
}

/**
 * Operations whose request above is permitted, and comes to nothing nevertheless: what they need (the vault's own secret, a
 * request that waits, a key and its signature) is in tests of its own (rekey, approvals).
 */
export const COMES_TO_NOTHING: Readonly<Record<string, ErrorCode>> = {
  RevokeGrant: "OBJECT_NOT_FOUND",
  RekeyVault: "UNAUTHENTICATED",
  GetApproval: "OBJECT_NOT_FOUND",
  ApproveRequest: "OBJECT_NOT_FOUND",
  DenyRequest: "OBJECT_NOT_FOUND",
  CancelRequest: "OBJECT_NOT_FOUND",
  OverrideApproval: "OBJECT_NOT_FOUND",
  // Nothing is damaged.
  AcknowledgeAuditBreak: "INVALID_REQUEST",
  RegisterApproverKey: "INVALID_REQUEST",
  AdoptPasskey: "INVALID_REQUEST",
  RevokeApproverKey: "OBJECT_NOT_FOUND",
  CreateUser: "OBJECT_EXISTS",
  DeleteUser: "OBJECT_NOT_FOUND",
  SetPassword: "OBJECT_NOT_FOUND",
  // Of the local user who is logged in; the callers of this test are none.
  EnrollTotp: "INVALID_REQUEST",
  ConfirmTotp: "INVALID_REQUEST",
  BeginWebAuthnRegistration: "INVALID_REQUEST",
  FinishWebAuthnRegistration: "INVALID_REQUEST",
  GenerateRecoveryCodes: "INVALID_REQUEST",
  Logout: "INVALID_REQUEST",
  RemoveFactor: "OBJECT_NOT_FOUND",
  Login: "UNAUTHENTICATED",
  CompleteLogin: "UNAUTHENTICATED",
  RefreshSession: "UNAUTHENTICATED",
  LoginService: "UNAUTHENTICATED",
  LoginOidc: "UNAUTHENTICATED",
  RevokeSession: "OBJECT_NOT_FOUND",
  GetStoredObject: "OBJECT_NOT_FOUND",
  UpdateStoredObject: "OBJECT_NOT_FOUND",
  DeleteStoredObject: "OBJECT_NOT_FOUND",
  CreateToken: "OBJECT_EXISTS",
  DeleteToken: "OBJECT_NOT_FOUND",
  LoginToken: "UNAUTHENTICATED",
  // Of the token whose PIN opened the session; the callers of this test came by none.
  InitToken: "INVALID_REQUEST",
  InitTokenPin: "INVALID_REQUEST",
  SetTokenPin: "INVALID_REQUEST",
  Reauthenticate: "INVALID_REQUEST",
  CreateServiceAccount: "OBJECT_EXISTS",
  DeleteServiceAccount: "OBJECT_NOT_FOUND",
  CreateSecretId: "OBJECT_NOT_FOUND",
  RevokeSecretId: "OBJECT_NOT_FOUND",
};
