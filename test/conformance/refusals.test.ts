/**
 * What must be refused, on every surface alike: generated from the operation table, so that an operation or a surface
 * that is added is refused correctly or fails here.
 *
 * Every refusal has the code of the one error table, its number, HTTP status and gRPC code, carries the caller's
 * request id, is in the audit log under it, and says nothing of other tenants.
 *
 * Long, because one server answers all of it, and the last tests look for every refusal of the others in its log.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import {
  create,
  toBinary,
  ScalarType,
  toJson,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type Message,
} from "@bufbuild/protobuf";
import {
  Algorithm,
  Digest,
  ExportPolicy,
  Kdf,
  KeyMaterialFormat,
  KeyState,
  SortOrder,
  Usage,
} from "@keystead/contract/generated/hsm/hsm_pb";
import { ScriptEngine } from "@keystead/contract/generated/hsm/scripts_pb";
import { ERRORS, type ErrorCode } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";
import { OPERATIONS, operationByName } from "@keystead/contract/operations/register";
import { restRoutes } from "@keystead/contract/routes";
import { openssl, opensslAccepts } from "./openssl.ts";
import { ROOT, serve, serveInVain, type RunningServer } from "./running-server.ts";
import {
  BINARY_SURFACES,
  SURFACES,
  ask,
  askBytes,
  askJson,
  hangUp,
  http,
  overRest,
  restRequest,
  type Answer,
  type Door,
  type Reply,
  type Surface,
} from "./surfaces.ts";
import { badTokens, issue, mint, strangeAuthority } from "./tokens.ts";

const BODY_BYTES = 65_536;
/** A name no answer to a stranger may hold. */
const SECRET_NAME = "tenant-b-secret";

let server: RunningServer;
let admin: Door;
let bearer: { origin: string; ca: string };
let tokenKey: string;

/** The row of an operation that exists. */
function row(name: string): Operation {
  const found = operationByName(name);
  assert.ok(found !== undefined, `there is no operation ${name}`);
  return found;
}

/** What the log must hold in the end: request id to operation and outcome. */
const expected = new Map<string, { readonly action: string; readonly outcome: string }>();
let counter = 0;

/** The door with a request id of its own, which the log will be searched for. */
function numbered(door: Door): { door: Door; id: string } {
  counter += 1;
  const id = `refusal-${counter}`;
  return { door: { ...door, headers: { ...door.headers, "x-request-id": id } }, id };
}

/** HTTP status of a Connect error by google.rpc.Code (connectrpc.com/docs/protocol "Error codes"). */
const CONNECT_HTTP: Readonly<Record<number, number>> = {
  1: 499,
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 400,
  10: 409,
  12: 501,
  13: 500,
  14: 503,
  15: 500,
  16: 401,
};

/** The documented meaning of the codes that are met here (the error table of the reference). */
const DOCUMENTED: Readonly<Partial<Record<ErrorCode, readonly [number: number, http: number, grpc: number]>>> = {
  INVALID_REQUEST: [105, 400, 3],
  REQUEST_TOO_LARGE: [105, 413, 8],
  OPERATION_NOT_SUPPORTED: [105, 404, 12],
  UNAUTHENTICATED: [102, 401, 16],
  PERMISSION_DENIED: [103, 403, 7],
  OBJECT_NOT_FOUND: [101, 404, 5],
  OBJECT_EXISTS: [105, 409, 6],
  KEY_STATE_FORBIDS: [106, 409, 9],
  KEY_USAGE_FORBIDS: [106, 403, 9],
  MECHANISM_NOT_SUPPORTED: [107, 400, 3],
  MECHANISM_PARAM_INVALID: [107, 400, 3],
  DECRYPTION_FAILED: [107, 400, 3],
  VAULT_SEALED: [106, 503, 9],
  QUOTA_EXCEEDED: [108, 429, 8],
  APPROVAL_REQUIRED: [104, 202, 9],
};

/** Demands that an answer is this refusal, the way its surface says it. */
function assertRefusal(answer: Answer, surface: Surface, codes: ErrorCode | readonly ErrorCode[], what: string, id?: string): void {
  const wanted = typeof codes === "string" ? [codes] : codes;
  const about = `${what} over ${surface}: ${answer.ok ? "was answered" : `${answer.code} ${answer.detail}`}; status ${answer.status}, gRPC ${answer.grpc}; ${answer.text.slice(0, 300)}`;
  assert.ok(!answer.ok && wanted.includes(answer.code as ErrorCode), `${about}; expected ${wanted.join(" or ")}`);
  const code = answer.code as ErrorCode;
  const documented = DOCUMENTED[code];
  assert.ok(documented !== undefined, `${code} is not in the table of this test`);
  const { number, http: status, grpc } = ERRORS[code];
  assert.deepEqual([number, status, grpc], documented, `${code} changed its meaning`);
  assert.equal(answer.number, number, about);
  if (surface === "REST") assert.equal(answer.status, status, about);
  else assert.equal(answer.grpc, grpc, about);
  if (surface === "gRPC" || surface === "gRPC-Web") assert.equal(answer.status, 200, about);
  if (surface.startsWith("Connect")) assert.equal(answer.status, CONNECT_HTTP[grpc], about);
  if (id !== undefined) assert.equal(answer.requestId, id, about);
  assert.doesNotMatch(answer.text, new RegExp(`${SECRET_NAME}|/tmp/|node:internal|\\.ts:\\d`), `${about}: tells too much`);
}

/** Asks and demands a refusal that the log has. */
async function refused(
  surface: Surface,
  door: Door,
  operation: Operation,
  request: object,
  code: ErrorCode,
  what: string,
  { door: at, id } = numbered(door),
): Promise<Answer> {
  const answer = await ask(surface, at, operation, request as never);
  assertRefusal(answer, surface, code, `${operation.name}: ${what}`, id);
  expected.set(id, { action: operation.name, outcome: code });
  return answer;
}

async function given(name: string, request: object, door: Door = admin): Promise<Reply> {
  const answer = await ask("gRPC", door, row(name), request as never);
  assert.ok(answer.ok, `${name}: ${answer.code} ${answer.detail}`);
  return answer.reply;
}

const DATA = Buffer.from("data");
const NO_SINK = "sink-0000000000000000";

/** A request of every operation that would be answered, were nothing else wrong. An operation without a row fails. */
const VALID: Readonly<Record<string, (namespace: string) => object>> = {
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
  FindObjects: (namespace) => ({ namespace, match: { keyType: "CKK_AES" } }),
  Sign: (namespace) => ({ namespace, keyId: "signer", data: DATA }),
  SignDigest: (namespace) => ({ namespace, keyId: "curve", digestValue: Buffer.alloc(32, 7) }),
  GenerateCsr: (namespace) => ({ namespace, keyId: "curve", subject: "CN=curve" }),
  GenerateCertificate: (namespace) => ({ namespace, keyId: "curve", subject: "CN=curve", validityDays: 1 }),
  Verify: (namespace) => ({ namespace, keyId: "signer", data: DATA, signature: Buffer.alloc(64) }),
  Encrypt: (namespace) => ({ namespace, keyId: "cipher", plaintext: DATA }),
  Decrypt: (namespace) => ({ namespace, keyId: "cipher", ciphertext: ciphertexts.get(namespace || "default") ?? DATA }),
  GenerateMac: (namespace) => ({ namespace, keyId: "mac", data: DATA }),
  VerifyMac: (namespace) => ({ namespace, keyId: "mac", data: DATA, mac: Buffer.alloc(32) }),
  GenerateDataKey: (namespace) => ({ namespace, keyId: "cipher" }),
  WrapKey: (namespace) => ({ namespace, keyId: "wrapper", targetKeyId: "leaver" }),
  UnwrapKey: (namespace) => ({
    namespace,
    keyId: "wrapper",
    wrappedKey: wrappedKeys.get(namespace || "default") ?? DATA,
    asKey: { algorithm: Algorithm.HmacSha256 },
  }),
  ExportKey: (namespace) => ({ namespace, keyId: "leaver", recipientPublicKey: RECIPIENT }),
  RewrapData: (namespace) => ({ namespace, keyId: "cipher", ciphertext: ciphertexts.get(namespace || "default") ?? DATA }),
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
  Encapsulate: (namespace) => ({ namespace, keyId: "kem", asBytes: true }),
  Decapsulate: (namespace) => ({ namespace, keyId: "kem", ciphertext: Buffer.alloc(768, 5), asBytes: true }),
  AgreeKey: (namespace) => ({ namespace, keyId: "agree", peerPublicKey: Buffer.alloc(32, 9), asBytes: true }),
  HpkeSeal: (namespace) => ({ namespace, keyId: "agree", plaintext: DATA }),
  HpkeOpen: (namespace) => ({ namespace, keyId: "agree", ciphertext: letters.get(namespace || "default") ?? DATA }),
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
const POLICY = Buffer.from('function evaluate(context) return "allow" end');
/** On a request that never was. */
const VERDICT = { approvalId: "absent", approverKey: "0".repeat(64), signature: Buffer.alloc(64) };
/**
 * Operations whose request above is permitted, and comes to nothing nevertheless: what they need (the vault's own secret, a
 * request that waits, a key and its signature) is in tests of its own (rekey, approvals).
 */
const COMES_TO_NOTHING: Readonly<Record<string, ErrorCode>> = {
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
  CreateServiceAccount: "OBJECT_EXISTS",
  DeleteServiceAccount: "OBJECT_NOT_FOUND",
  CreateSecretId: "OBJECT_NOT_FOUND",
  RevokeSecretId: "OBJECT_NOT_FOUND",
};
const ciphertexts = new Map<string, Buffer>();
/** Sealed by HPKE, the encapsulated key in front. */
const letters = new Map<string, Buffer>();
const wrappedKeys = new Map<string, Buffer>();
/** Whom keys are exported for. */
const RECIPIENT = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "pem", type: "spki" }) as string;

const valid = (operation: Operation, namespace = ""): Record<string, unknown> => {
  const make = VALID[operation.name];
  assert.ok(make !== undefined, `${operation.name} has no row in this test`);
  return { ...make(namespace) } as Record<string, unknown>;
};

/** Operations that work once on a key: a fresh one, brought to where the operation begins. */
const ONCE: Readonly<Record<string, readonly (readonly [operation: string, more: object])[]>> = {
  DeleteKey: [],
  ActivateKey: [],
  SuspendKey: [],
  ResumeKey: [["SuspendKey", {}]],
  DeactivateKey: [],
  RevokeKey: [],
  DestroyKey: [],
  CancelDestruction: [["DestroyKey", {}]],
  PurgeKey: [["DestroyKey", { delaySeconds: 0 }]],
  ApprovePurge: [["DestroyKey", { needsApproval: true }]],
};
/** Scripts that were made to be removed. */
let doomedScripts = 0;

let quietSink: string | undefined;

/** The same for operations that work once on a namespace. */
const ONCE_A_NAMESPACE: Readonly<Record<string, readonly (readonly [operation: string, more: object])[]>> = {
  SuspendNamespace: [],
  ResumeNamespace: [["SuspendNamespace", {}]],
  DeleteNamespace: [],
  CancelNamespaceDeletion: [["DeleteNamespace", {}]],
  PurgeNamespace: [["DeleteNamespace", { delaySeconds: 0 }]],
};

/** A request of the operation that will be answered, for a key or a namespace of its own where the operation uses one up. */
async function answerable(operation: Operation): Promise<Record<string, unknown>> {
  if (operation.name === "DeleteBudget") {
    counter += 1;
    const { budget } = await given("SetBudget", { principal: `nobody-${counter}`, perDay: 1 });
    return { budgetId: budget["budget_id"] };
  }
  if (operation.permission.startsWith("sink:") && "sinkId" in operation.method.input.field) {
    // A sink is used up by its end alone.
    if (quietSink === undefined || operation.name === "DeleteSink")
      quietSink = (await given("CreateSink", VALID["CreateSink"]?.("") ?? {}))["sink"]["sink_id"] as string;
    const sinkId = quietSink;
    if (operation.name === "DeleteSink") quietSink = undefined;
    return { ...valid(operation), sinkId };
  }
  const before = ONCE_A_NAMESPACE[operation.name];
  if (before !== undefined) {
    counter += 1;
    const namespace = `own-${counter}`;
    await given("CreateNamespace", { namespace });
    for (const [name, more] of before) await given(name, { namespace, ...more });
    return { ...valid(operation), namespace };
  }
  if (operation.name === "DeleteScript") {
    doomedScripts += 1;
    await given("UploadScript", { ...valid(row("UploadScript")), script: `doomed-${doomedScripts}` });
    return { script: `doomed-${doomedScripts}` };
  }
  const steps = ONCE[operation.name];
  if (steps === undefined) return valid(operation);
  const staged = operation.name === "ActivateKey" ? { state: KeyState.PRE_ACTIVATION } : {};
  const { key_id: keyId } = await given("GenerateKey", { algorithm: Algorithm.Ed25519, ...staged });
  for (const [name, more] of steps) await given(name, { keyId, ...more });
  return { ...valid(operation), keyId };
}

/** Fields without which a request means nothing, by operation. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  GenerateKey: ["algorithm"],
  ImportKey: ["algorithm", "keyMaterial", "format"],
  Hash: ["algorithm"],
  GenerateRandom: ["sizeBytes"],
  GenerateCsr: ["subject"],
  GenerateCertificate: ["subject", "validityDays"],
  Batch: ["items"],
  CreateNamespace: ["namespace"],
  GetNamespace: ["namespace"],
  DeleteBudget: ["budgetId"],
  UpdateNamespace: ["namespace"],
  SuspendNamespace: ["namespace"],
  ResumeNamespace: ["namespace"],
  DeleteNamespace: ["namespace"],
  CancelNamespaceDeletion: ["namespace"],
  PurgeNamespace: ["namespace"],
  Unseal: ["secret"],
  Encapsulate: ["asBytes"],
  Decapsulate: ["asBytes", "ciphertext"],
  RollbackKey: ["version"],
  AgreeKey: ["asBytes", "peerPublicKey"],
  DeriveKey: ["derivation", "asKey"],
  WrapKey: ["targetKeyId"],
  UnwrapKey: ["wrappedKey", "asKey"],
  ExportKey: ["recipientPublicKey"],
  UploadScript: ["script", "engine", "source"],
  SimulateScript: ["script"],
  SetPolicy: ["document"],
  TestPolicy: ["questions"],
  ExplainDecision: ["question"],
  ReplayPolicy: ["document"],
  CreateGrant: ["grantee", "operation"],
  RevokeGrant: ["grantId"],
  GetApproval: ["approvalId"],
  ApproveRequest: ["approvalId", "approverKey", "signature"],
  DenyRequest: ["approvalId", "approverKey", "signature"],
  CancelRequest: ["approvalId"],
  OverrideApproval: ["approvalId", "approverKey", "signature", "reason"],
  RegisterApproverKey: ["publicKey", "signature"],
  AdoptPasskey: ["credentialId", "signature"],
  RevokeApproverKey: ["approverKey"],
  CreateUser: ["name"],
  UpdateUser: ["name"],
  SetPassword: ["password"],
  ConfirmTotp: ["factorId", "code"],
  FinishWebAuthnRegistration: ["registrationId", "credentialId", "clientDataJson", "attestationObject"],
  RemoveFactor: ["factorId"],
  Login: ["name", "password"],
  CompleteLogin: ["challengeId", "totpCode"],
  RefreshSession: ["refreshToken"],
  CreateServiceAccount: ["name"],
  LoginService: ["roleId", "secretId"],
  LoginOidc: ["token"],
};
const ABOUT_A_KEY = OPERATIONS.filter(({ method, scope }) => scope === "key" && "keyId" in method.input.field);
/** Operations that take part in refusals of messages: all that are possible while the vault is open. */
const OPEN = OPERATIONS.filter(({ phases }) => phases.includes("open"));

before(async () => {
  server = await serve({
    config: {
      // What is due is left to the requests of this file.
      lifecycle: { interval_seconds: 3600 },
      // There is always a checkpoint to ask for.
      audit: { checkpoint_events: 1 },
      server: { body_bytes: BODY_BYTES },
      logging: { level: "info" },
    },
  });
  tokenKey = server.credential("token-key.pem");
  bearer = { origin: server.api, ca: server.credential("ca.pem") };
  admin = { ...bearer, cert: server.credential("admin.pem"), key: server.credential("admin-key.pem") };
  for (const namespace of ["tenant-a", "tenant-b", "idle"]) await given("CreateNamespace", { namespace });
  // "idle" is about a key that does not exist: while it is enabled it judges nothing here.
  await given("UploadScript", valid(row("UploadScript")));
  await given("UploadScript", { ...valid(row("UploadScript")), script: "idle", scope: { keyIds: ["nobody"] } });
  for (const namespace of ["", "tenant-a", "tenant-b"]) {
    for (const keyId of ["signer", "turning", "doomed"]) await given("GenerateKey", { namespace, keyId, algorithm: Algorithm.Ed25519 });
    await given("GenerateKey", { namespace, keyId: "curve", algorithm: Algorithm.EcdsaP256 });
    await given("GenerateKey", { namespace, keyId: "cipher", algorithm: Algorithm.Aes256Gcm });
    await given("GenerateKey", { namespace, keyId: "mac", algorithm: Algorithm.HmacSha256 });
    await given("GenerateKey", { namespace, keyId: "kem", algorithm: Algorithm.MlKem512 });
    await given("GenerateKey", { namespace, keyId: "turned", algorithm: Algorithm.Ed25519 });
    await given("RotateKey", { namespace, keyId: "turned" });
    await given("GenerateKey", { namespace, keyId: "agree", algorithm: Algorithm.X25519 });
    await given("GenerateKey", { namespace, keyId: "secret", algorithm: Algorithm.GenericSecret });
    await given("GenerateKey", { namespace, keyId: "wrapper", algorithm: Algorithm.Aes256Kwp });
    await given("GenerateKey", { namespace, keyId: "leaver", algorithm: Algorithm.HmacSha256, exportable: ExportPolicy.WRAPPED });
    const { wrapped_key: wrapped } = await given("WrapKey", { namespace, keyId: "wrapper", targetKeyId: "leaver" });
    wrappedKeys.set(namespace || "default", Buffer.from(wrapped, "base64"));
    const { ciphertext } = await given("Encrypt", { namespace, keyId: "cipher", plaintext: DATA });
    ciphertexts.set(namespace || "default", Buffer.from(ciphertext, "base64"));
    const letter = await given("HpkeSeal", { namespace, keyId: "agree", plaintext: DATA });
    letters.set(
      namespace || "default",
      Buffer.concat([letter["encapsulated_key"], letter["ciphertext"]].map((text: string) => Buffer.from(text, "base64"))),
    );
  }
  await given("GenerateKey", { namespace: "tenant-b", keyId: SECRET_NAME, algorithm: Algorithm.Ed25519 });
  await given("CreateUser", { name: "taken" });
  await given("CreateServiceAccount", { name: "taken" });
});

after(async () => {
  hangUp();
  assert.equal(await server.stop(), 0);
});

test("the error table has only documented numbers, and every code its HTTP status and gRPC code", () => {
  for (const [code, { number, http: status, grpc }] of Object.entries(ERRORS)) {
    assert.ok(number >= 100 && number <= 109, code);
    // A request that waits for others is no error on REST.
    if (code === "APPROVAL_REQUIRED") assert.equal(status, 202);
    else assert.ok(status >= 400 && status < 600, code);
    assert.ok(grpc >= 1 && grpc <= 16, code);
  }
});

test("every operation has a REST route, and a request in this test that the administrator is answered", async () => {
  for (const operation of OPERATIONS) {
    assert.ok(
      restRoutes().some((route) => route.operation === operation),
      operation.name,
    );
    if (["Seal", "Unseal", "CreateNamespace"].includes(operation.name)) continue;
    const nothing = COMES_TO_NOTHING[operation.name];
    if (nothing !== undefined) {
      for (const surface of SURFACES)
        assert.equal((await ask(surface, admin, operation, valid(operation) as never)).code, nothing, `${operation.name} over ${surface}`);
      continue;
    }
    for (const surface of SURFACES) {
      const answer = await ask(surface, admin, operation, (await answerable(operation)) as never);
      assert.ok(answer.ok, `${operation.name} over ${surface}: ${answer.code} ${answer.detail} ${answer.text.slice(0, 200)}`);
    }
  }
});

/** Operations for callers without a credential, written down apart from the server's own table. */
const WITHOUT_A_CREDENTIAL = ["Login", "CompleteLogin", "RefreshSession", "LoginService", "LoginOidc", "GetJwks"];
const WITH_A_CREDENTIAL = OPERATIONS.filter(({ name }) => !WITHOUT_A_CREDENTIAL.includes(name));

test("without a credential nothing is answered but a login and the public keys of sessions, on any surface", async () => {
  for (const operation of WITH_A_CREDENTIAL)
    for (const surface of SURFACES) await refused(surface, bearer, operation, valid(operation), "UNAUTHENTICATED", "no credential");
  for (const name of WITHOUT_A_CREDENTIAL) {
    for (const surface of SURFACES) {
      const answer = await ask(surface, bearer, row(name), valid(row(name)) as never);
      assert.equal(answer.code, COMES_TO_NOTHING[name], `${name} over ${surface}: ${answer.detail}`);
    }
  }
});

test("every kind of forged, expired or misdirected token gets the one uniform refusal, for every operation on every surface", async () => {
  const tokens = badTokens(tokenKey);
  const details = new Set<string>();
  for (const [index, [kind, token]] of Object.entries(tokens).entries()) {
    // Every kind on every surface; every operation meets several kinds.
    for (const [at, surface] of SURFACES.entries()) {
      for (const operation of WITH_A_CREDENTIAL.filter((_, number) => (number + index + at) % 5 === 0)) {
        const { detail } = await refused(surface, { ...bearer, token }, operation, valid(operation), "UNAUTHENTICATED", kind);
        details.add(String(detail));
      }
    }
  }
  assert.equal(details.size, 1, "the reason must not be told");
  const good = await mint(tokenKey);
  for (const surface of SURFACES)
    assert.ok(
      (await ask(surface, { ...bearer, token: good }, row("GetStatus"), {} as never)).ok,
      `${surface}: the good token of the same test`,
    );
});

test("a token whose roles or namespaces its key set does not allow has no effect beyond it", async () => {
  for (const roles of [[], ["Root"], ["administrators"], ["__proto__"]]) {
    const token = await mint(tokenKey, { roles });
    for (const surface of SURFACES)
      await refused(surface, { ...bearer, token }, row("Sign"), valid(row("Sign")), "PERMISSION_DENIED", `roles ${roles.join()}`);
  }
  for (const namespaces of [[], [""], "", {}, 7]) {
    const token = await mint(tokenKey, { namespaces });
    for (const surface of SURFACES)
      await refused(
        surface,
        { ...bearer, token },
        row("Sign"),
        valid(row("Sign"), "tenant-a"),
        "PERMISSION_DENIED",
        `namespaces ${JSON.stringify(namespaces)}`,
      );
  }
});

test("certificates of another authority, expired, for servers, or of nobody we know are no credential", async () => {
  const authority = { cert: server.credential("ca.pem"), key: readFileSync(join(server.data, "tls/ca-key.pem"), "utf8") };
  const kinds = {
    "another authority": issue("/CN=admin", strangeAuthority()),
    expired: issue("/CN=admin", authority, { days: -1 }),
    "a server's certificate": issue("/CN=admin", authority, { purpose: "serverAuth" }),
    "nobody we know": issue("/CN=stranger", authority),
    "two common names": issue("/CN=stranger/CN=admin", authority),
  };
  for (const [kind, { cert, key }] of Object.entries(kinds)) {
    for (const operation of OPERATIONS.filter(({ name }) => ["Sign", "GetStatus", "GenerateKey", "Seal"].includes(name))) {
      for (const surface of SURFACES)
        await refused(surface, { ...bearer, cert, key }, operation, valid(operation), "UNAUTHENTICATED", kind);
    }
  }
  const good = issue("/CN=admin", authority);
  assert.ok((await ask("REST", { ...bearer, ...good }, row("GetStatus"), {} as never)).ok, "a good one made the same way");
});

test("a wrong token is not forgiven because a good certificate came with it", async () => {
  const { expired: token = "" } = badTokens(tokenKey);
  for (const surface of SURFACES)
    await refused(surface, { ...admin, token }, row("GetStatus"), {}, "UNAUTHENTICATED", "good certificate, expired token");
});

test("an Authorization header of another scheme is not treated as none", async () => {
  for (const authorization of ["Basic YWRtaW46YWRtaW4=", "Bearer", "Bearer ", "bearer  ", `Bearer ${"x".repeat(20_000)}`]) {
    const { door, id } = numbered({ ...admin, headers: { authorization } });
    const answer = await ask("REST", door, row("GetStatus"), {} as never);
    // A header section beyond the server's bound may be refused before anybody reads it.
    if (authorization.length > 10_000 && answer.status === 431) continue;
    assertRefusal(answer, "REST", "UNAUTHENTICATED", authorization.slice(0, 20), id);
  }
});

// ---- roles ----

/** Who may do what, written down apart from the server's own table (the documentation). */
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
const READ = ["GetKey", "GetPublicKey", "ListKeys", "ListVersions", "FindObjects"];
const DAILY = [
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
const LET_OUT = ["WrapKey", "ExportKey"];
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
const MAY: Readonly<Record<string, readonly string[]>> = {
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
  Service: [...SELF, ...READ, ...ASK, ...CRYPTO, "SignDigest", ...ESTABLISH, "GetStatus"],
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
const ALIASES: Readonly<Record<string, string>> = { admin: "Administrator", user: "KeyUser", operator: "Operator", auditor: "Auditor" };

for (const [role, may] of [
  ...Object.entries(MAY),
  ...Object.entries(ALIASES).map(([alias, canonical]) => [alias, MAY[canonical] ?? []] as const),
]) {
  test(`${role} may do what the table says and nothing else, over REST`, async () => {
    const door = { ...bearer, token: await mint(tokenKey, { roles: [role], sub: `role-${role}` }) };
    for (const operation of OPERATIONS) {
      // Whoever may seal would end the test; the sealed vault has a test of its own.
      if (operation.name === "Seal" && may.includes("Seal")) continue;
      if (operation.name === "Unseal") continue;
      if (!may.includes(operation.name)) {
        await refused("REST", door, operation, valid(operation), "PERMISSION_DENIED", role);
        continue;
      }
      const request = operation.name === "CreateNamespace" ? { namespace: `made-by-${role.toLowerCase()}` } : await answerable(operation);
      const answer = await ask("REST", door, operation, request as never);
      const nothing = COMES_TO_NOTHING[operation.name];
      if (nothing !== undefined) {
        assert.equal(answer.code, nothing, `${role} ${operation.name}: ${answer.detail}`);
        continue;
      }
      assert.ok(answer.ok, `${role} ${operation.name}: ${answer.code} ${answer.detail}`);
    }
  });
}

test("a batch item that its role may not do is refused in its place, and the others are done", async () => {
  const token = await mint(tokenKey, { roles: ["KeyUser"] });
  const items = [
    { operation: { case: "sign", value: { keyId: "signer", data: DATA } } },
    { operation: { case: "encrypt", value: { keyId: "signer", plaintext: DATA } } },
    { operation: { case: "sign", value: { keyId: "absent", data: DATA } } },
  ];
  for (const surface of SURFACES) {
    const { reply } = await ask(surface, { ...bearer, token }, row("Batch"), { items } as never);
    const [first, second, third] = reply["results"];
    assert.ok(first.sign.signature.length > 80, surface);
    assert.deepEqual(
      [second.error.code, second.error.number, third.error.code, third.error.number],
      ["KEY_USAGE_FORBIDS", 106, "OBJECT_NOT_FOUND", 101],
      surface,
    );
  }
});

// ---- messages ----

const jsonOf = (operation: Operation, request: object): JsonObject =>
  toJson(operation.method.input, create(operation.method.input, request as never) as Message, { useProtoFieldName: true }) as JsonObject;
const bytesOf = (operation: Operation, request: object): Uint8Array =>
  toBinary(operation.method.input, create(operation.method.input, request as never) as Message);

/** A JSON value that is wrong for a field. */
function* wrongValues(field: DescField): Generator<[string, JsonValue]> {
  if (field.fieldKind === "list")
    return yield* [
      ["a text for a list", "x"],
      ["a list of objects", [{ a: 1 }]],
    ] as [string, JsonValue][];
  if (field.fieldKind === "message")
    return yield* [
      ["a text for a message", "x"],
      ["a list for a message", []],
    ] as [string, JsonValue][];
  if (field.fieldKind === "enum")
    return yield* [
      ["an unknown name", "NO_SUCH_VALUE"],
      ["an object", {}],
      ["a fraction", 1.5],
      ["prototype", "__proto__"],
    ] as [string, JsonValue][];
  const scalar = String(toJsonKind(field));
  if (scalar === "string")
    yield* [
      ["a number for a text", 7],
      ["a list for a text", ["x"]],
      ["an object for a text", { x: "y" }],
      ["true for a text", true],
    ] as [string, JsonValue][];
  else if (scalar === "bytes")
    yield* [
      ["a number for bytes", 7],
      ["no base64", "*** not base64 ***"],
      ["an object for bytes", {}],
    ] as [string, JsonValue][];
  else
    yield* [
      ["a text for a number", "seven"],
      ["a negative number", -1],
      ["a fraction", 1.5],
      // Both JSON surfaces take 64 bits as text, each as far as it can.
      field.scalar === ScalarType.UINT64 ? ["more than 64 bits", "18446744073709551616"] : ["more than 32 bits", 4_294_967_296],
      ["an object for a number", {}],
    ] as [string, JsonValue][];
}

/** The kind of a scalar: string, bytes or number (google.protobuf.FieldDescriptorProto.Type). */
const toJsonKind = (field: DescField): string => (field.scalar === 9 ? "string" : field.scalar === 12 ? "bytes" : "number");

/** Path parameters cannot be sent as a wrong JSON type. */
const inPath = (operation: Operation, field: DescField): boolean =>
  restRoutes().some((route) => route.operation === operation && route.primary && route.segments.includes(field));
const hasBody = (operation: Operation): boolean =>
  restRoutes().some((route) => route.operation === operation && route.primary && route.body);

/** JSON that the surface itself cannot read is refused before the vault hears of it: not in the vault's log. */
async function refusedJson(surface: "REST" | "Connect JSON", operation: Operation, json: JsonObject, what: string): Promise<void> {
  const { door, id } = numbered(admin);
  assertRefusal(await askJson(surface, door, operation, json), surface, "INVALID_REQUEST", `${operation.name}: ${what}`, id);
}

test("a field of the wrong type is refused, for every field of every operation, in JSON", async () => {
  for (const operation of OPEN) {
    for (const field of operation.method.input.fields) {
      for (const [what, value] of wrongValues(field)) {
        await refusedJson(
          "Connect JSON",
          operation,
          { ...jsonOf(operation, valid(operation)), [field.name]: value },
          `${field.name} ${what}`,
        );
        if (!hasBody(operation) || inPath(operation, field)) continue;
        await refusedJson("REST", operation, { ...jsonOf(operation, valid(operation)), [field.name]: value }, `${field.name} ${what}`);
      }
    }
  }
});

test("query parameters of the wrong type, unknown, given twice or badly encoded are refused", async () => {
  for (const query of [
    "per_page=x",
    "per_page=-1",
    "per_page=1.5",
    "per_page=1001",
    "page=99999999999",
    "algorithm=DES",
    "state=frozen",
    "surprise=1",
    "page=1&page=2",
    "tags=%ff",
    "page=%zz",
    "namespace=A",
    "page=1&page_token=eA",
  ]) {
    const { door, id } = numbered(admin);
    assertRefusal(await overRest(door, "GET", `/api/v1/keys?${query}`), "REST", "INVALID_REQUEST", query, id);
  }
});

test("an unknown field is refused, in every operation on every surface", async () => {
  for (const operation of OPEN) {
    const bytes = bytesOf(operation, valid(operation));
    // Field 1000, varint 1; field 1001, a text.
    for (const extra of [
      [0xc0, 0x3e, 0x01],
      [0xca, 0x3e, 0x01, 0x78],
    ]) {
      for (const surface of BINARY_SURFACES) {
        const { door, id } = numbered(admin);
        assertRefusal(
          await askBytes(surface, door, operation, Buffer.concat([bytes, Uint8Array.from(extra)])),
          surface,
          "INVALID_REQUEST",
          `${operation.name}: unknown field`,
          id,
        );
        expected.set(id, { action: operation.name, outcome: "INVALID_REQUEST" });
      }
    }
    const json = jsonOf(operation, valid(operation));
    for (const name of ["surprise", "__proto__x", "constructor", "keyid"]) {
      await refusedJson("Connect JSON", operation, { ...json, [name]: 1 }, `unknown member ${name}`);
      await refusedJson("REST", operation, { ...json, [name]: 1 }, `unknown member ${name}`);
    }
  }
});

test("protobuf that is cut off, not UTF-8, or no protobuf at all is refused, in every operation on every binary surface", async () => {
  for (const operation of OPEN) {
    // Field 1 that claims more than there is; a group that never ends; the reserved field number 0; a varint without end.
    for (const bytes of [[0x0a, 0x7f, 0x41], [0x0b], [0x00, 0x00], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]) {
      for (const surface of BINARY_SURFACES) {
        const { door, id } = numbered(admin);
        assertRefusal(
          await askBytes(surface, door, operation, Uint8Array.from(bytes)),
          surface,
          "INVALID_REQUEST",
          `${operation.name}: bytes ${bytes.join(" ")}`,
          id,
        );
        expected.set(id, { action: operation.name, outcome: "INVALID_REQUEST" });
      }
    }
    const text = operation.method.input.fields.find((field) => field.scalar === 9);
    if (text === undefined) continue;
    const invalid = Uint8Array.from([(text.number << 3) | 2, 2, 0xc3, 0x28]);
    for (const surface of BINARY_SURFACES) {
      const { door, id } = numbered(admin);
      assertRefusal(
        await askBytes(surface, door, operation, invalid),
        surface,
        "INVALID_REQUEST",
        `${operation.name}: ${text.name} is not UTF-8`,
        id,
      );
    }
  }
});

test("a required field that is missing is refused, in every operation on every surface", async () => {
  for (const operation of OPEN) {
    for (const name of [...(REQUIRED[operation.name] ?? []), ...(ABOUT_A_KEY.includes(operation) ? ["keyId"] : [])]) {
      const { [name]: _, ...request } = valid(operation);
      for (const surface of SURFACES) {
        // On REST the id is part of the path: without it there is another path, or none.
        const field = operation.method.input.fields.find(({ localName }) => localName === name);
        if (surface === "REST" && (name === "keyId" || (field !== undefined && inPath(operation, field)))) continue;
        await refused(surface, admin, operation, request, "INVALID_REQUEST", `without ${name}`);
      }
    }
  }
});

test("values outside their limits are refused, on every surface", async () => {
  const long = "x".repeat(1025);
  const cases: [string, object][] = [
    ["GenerateKey", { algorithm: 99 }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, description: long }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, tags: ["a b"] }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, tags: Array.from({ length: 65 }, (_, at) => `t${at}`) }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, usage: [0] }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, namespace: "Über" }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, namespace: "-a" }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, namespace: "a".repeat(64) }],
    ["ListKeys", { perPage: 1001 }],
    ["ListKeys", { page: 1_000_001 }],
    ["ListKeys", { pageToken: "*" }],
    ["GenerateRandom", { sizeBytes: 65_537 }],
    ["GenerateDataKey", { keyId: "cipher", sizeBytes: 31 }],
    ["GetAuditLog", { pageSize: 1001 }],
    ["GetAuditLog", { pageToken: "-1" }],
    ["CreateNamespace", { namespace: "a/b" }],
    ["CreateNamespace", { namespace: ".." }],
    ["Hash", { algorithm: 99 }],
    ["Sign", { keyId: "signer", digest: 99 }],
    ["Batch", { items: [{}] }],
    ["Batch", { items: Array.from({ length: 1001 }, () => ({ operation: { case: "sign", value: { keyId: "signer" } } })) }],
    ["Decrypt", { keyId: "cipher", ciphertext: DATA, nonce: Buffer.alloc(25) }],
    ["VerifyMac", { keyId: "mac", data: DATA, mac: Buffer.alloc(1025) }],
  ];
  for (const [name, request] of cases) {
    for (const surface of SURFACES) {
      const { door, id } = numbered(admin);
      assertRefusal(
        await ask(surface, door, row(name), request as never),
        surface,
        "INVALID_REQUEST",
        `${name} ${JSON.stringify(request).slice(0, 60)}`,
        id,
      );
    }
  }
});

test("a member that comes twice is refused, wherever it stands, on both JSON surfaces", async () => {
  for (const operation of OPEN.filter(hasBody)) {
    const { method, path, body = "{}" } = restRequest(operation, jsonOf(operation, valid(operation)));
    const [name, value] = Object.entries({ ...JSON.parse(body ?? "{}"), namespace: "default" } as JsonObject)[0] as [string, JsonValue];
    for (const second of [`"${name}":${JSON.stringify(value)}`, `"\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}":1`]) {
      const twice = `{"${name}":${JSON.stringify(value)},${second}}`;
      const { door, id } = numbered(admin);
      assertRefusal(await overRest(door, method, path, twice), "REST", "INVALID_REQUEST", `${operation.name}: ${twice}`, id);
      const again = numbered(admin);
      assertRefusal(
        await askJson("Connect JSON", again.door, operation, twice),
        "Connect JSON",
        "INVALID_REQUEST",
        `${operation.name}: ${twice}`,
        again.id,
      );
    }
  }
  for (const items of [
    '{"items":[{"sign":{"key_id":"signer","key_id":"cipher"}}]}',
    '{"items":[{"sign":{"key_id":"signer"},"verify":{"key_id":"signer"}}]}',
  ]) {
    const { door, id } = numbered(admin);
    assertRefusal(await overRest(door, "POST", "/api/v1/batch", items), "REST", "INVALID_REQUEST", items, id);
    assertRefusal(await askJson("Connect JSON", door, row("Batch"), items), "Connect JSON", "INVALID_REQUEST", items, id);
  }
});

test("one field under both its names, half a surrogate, deep nesting, no JSON and no object are refused", async () => {
  const bodies = [
    '{"size_bytes":1,"sizeBytes":1}',
    '{"size_bytes":1',
    "[]",
    "null",
    '"x"',
    "",
    "\u{feff}{}",
    '{"size_bytes":1}x',
    `${"[".repeat(40)}${"]".repeat(40)}`,
    '{"size_bytes":9007199254740993}',
    '{"size_bytes":1e400}',
    '{"\\ud800":1}',
  ];
  for (const body of bodies) {
    const { door, id } = numbered(admin);
    assertRefusal(await overRest(door, "POST", "/api/v1/random", body), "REST", "INVALID_REQUEST", body.slice(0, 30), id);
    // An empty Connect body is an empty message, which lacks size_bytes.
    assertRefusal(
      await askJson("Connect JSON", door, row("GenerateRandom"), body),
      "Connect JSON",
      "INVALID_REQUEST",
      body.slice(0, 30),
      id,
    );
  }
});

test("a body beyond server.body_bytes is refused on every surface by every operation, and the connection's next request is served", async () => {
  const big = Buffer.alloc(BODY_BYTES + 1024, 0x20);
  for (const operation of OPEN) {
    for (const surface of SURFACES) {
      if (surface === "REST" && !hasBody(operation)) continue;
      const { door, id } = numbered(admin);
      const { method, path } = restRequest(operation, jsonOf(operation, valid(operation)));
      const answer =
        surface === "REST"
          ? await overRest(door, method, path, big)
          : surface === "Connect JSON"
            ? await askJson(surface, door, operation, big.toString())
            : await askBytes(surface, door, operation, big);
      assertRefusal(answer, surface, "REQUEST_TOO_LARGE", `${operation.name}: a huge body`, id);
    }
  }
  for (const surface of SURFACES) assert.ok((await ask(surface, admin, row("GetStatus"), {} as never)).ok);
});

const BAD_KEY_IDS = [
  "..",
  ".",
  "a/b",
  "a\\b",
  "../../etc/passwd",
  "a b",
  "a%2Fb",
  "%2e%2e",
  "ключ",
  "é",
  "\u{1f511}",
  "a\u0000b",
  "a\nb",
  "x".repeat(129),
  "signer?x",
  "signer#x",
  "signer;x",
  "*",
  "signer@v1",
];

test("key ids that are none are refused wherever a key is named, on every surface", async () => {
  for (const operation of [...ABOUT_A_KEY, row("GenerateKey"), row("ImportKey")]) {
    for (const keyId of BAD_KEY_IDS) {
      for (const surface of SURFACES) {
        const { door, id } = numbered(admin);
        const answer = await ask(surface, door, operation, { ...valid(operation), keyId } as never);
        // On REST an id with a slash or of dots may already be no path.
        const codes: ErrorCode[] =
          surface === "REST" && ABOUT_A_KEY.includes(operation) ? ["INVALID_REQUEST", "OPERATION_NOT_SUPPORTED"] : ["INVALID_REQUEST"];
        assertRefusal(answer, surface, codes, `${operation.name} ${JSON.stringify(keyId).slice(0, 40)}`, id);
      }
    }
  }
});

test("REST paths written in clever ways reach no key, and wrong methods are refused", async () => {
  for (const path of [
    "/api/v1/keys/%2e%2e/sign",
    "/api/v1/keys/..%2fsigner/sign",
    "/api/v1/keys/signer%2Fsign",
    "/api/v1/keys/signer%00/sign",
    "/api/v1/keys/%ff/sign",
    "/api/v1/keys/signer%",
    "/api/v1/keys//sign",
    "/api/v1//keys",
    "/api/v1/keys/signer/sign/",
    "/API/V1/keys/signer/sign",
    "/api/v1/keys/../keys/signer/sign",
    "/api/v1/namespaces/%2e%2e/keys/signer/sign",
    "/api/v1/namespaces/tenant-a%2f..%2ftenant-b/keys/signer/sign",
    "/api/v2/keys",
    "/",
    "/metrics",
    "/generate_key",
    "//api/v1/keys",
  ]) {
    const { door } = numbered(admin);
    const answer = await overRest(door, "POST", path, "{}");
    assert.ok([400, 404, 405].includes(answer.status), `${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
  }
  for (const [method, path] of [
    ["PUT", "/api/v1/keys/signer"],
    ["PATCH", "/api/v1/keys"],
    ["DELETE", "/api/v1/keys"],
    ["GET", "/api/v1/keys/signer/sign"],
    ["TRACE", "/api/v1/keys"],
    ["OPTIONS", "/api/v1/keys"],
  ] as const) {
    const answer = await overRest(admin, method, path);
    assert.ok([400, 404, 405, 501].includes(answer.status), `${method} ${path}: ${answer.status}`);
  }
});

test("a content type that is not JSON, a compressed body and a body where none belongs are refused", async () => {
  const post = (headers: Record<string, string>): Promise<{ status: number }> =>
    http(admin, "POST", "/api/v1/random", headers, '{"size_bytes":1}');
  assert.equal((await post({ "content-type": "text/plain" })).status, 415);
  assert.equal((await post({ "content-type": "application/x-www-form-urlencoded" })).status, 415);
  assert.equal((await post({})).status, 415);
  assert.equal((await post({ "content-type": "application/json", "content-encoding": "gzip" })).status, 415);
  assert.equal((await post({ "content-type": "application/json; charset=utf-16" })).status, 415);
  assert.equal((await overRest(admin, "GET", "/api/v1/keys", "{}")).status, 400);
});

// ---- keys ----

/** What a key must not allow for an operation to be forbidden, and a key of an algorithm that cannot do it at all. */
const CANNOT: Readonly<Record<string, { algorithm: Algorithm; usage: Usage[] }>> = {
  Sign: { algorithm: Algorithm.EcdsaP256, usage: [Usage.VERIFY] },
  SignDigest: { algorithm: Algorithm.EcdsaP256, usage: [Usage.VERIFY] },
  GenerateCsr: { algorithm: Algorithm.EcdsaP256, usage: [Usage.VERIFY] },
  GenerateCertificate: { algorithm: Algorithm.EcdsaP256, usage: [Usage.VERIFY] },
  Verify: { algorithm: Algorithm.EcdsaP256, usage: [Usage.SIGN] },
  Encrypt: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.DECRYPT] },
  Decrypt: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.ENCRYPT] },
  GenerateMac: { algorithm: Algorithm.HmacSha256, usage: [Usage.VERIFY_MAC] },
  VerifyMac: { algorithm: Algorithm.HmacSha256, usage: [Usage.MAC] },
  GenerateDataKey: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.ENCRYPT, Usage.DECRYPT] },
  WrapKey: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.UNWRAP] },
  UnwrapKey: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.WRAP] },
  RewrapData: { algorithm: Algorithm.Aes256Gcm, usage: [Usage.ENCRYPT] },
  Encapsulate: { algorithm: Algorithm.MlKem512, usage: [Usage.DECAPSULATE] },
  Decapsulate: { algorithm: Algorithm.MlKem512, usage: [Usage.ENCAPSULATE] },
  AgreeKey: { algorithm: Algorithm.X25519, usage: [Usage.ENCAPSULATE] },
  HpkeSeal: { algorithm: Algorithm.X25519, usage: [Usage.DECAPSULATE, Usage.DERIVE] },
  HpkeOpen: { algorithm: Algorithm.X25519, usage: [Usage.ENCAPSULATE, Usage.DERIVE] },
  DeriveKey: { algorithm: Algorithm.X25519, usage: [Usage.DECAPSULATE] },
};

// Whether a key may leave is its policy, not a usage: test/conformance/moving-keys.test.ts.
for (const operation of OPERATIONS.filter(({ usage }) => usage !== undefined && usage !== "export")) {
  test(`${operation.name}: a key without the usage, or of an algorithm that cannot, is refused on every surface`, async () => {
    const cannot = CANNOT[operation.name];
    assert.ok(cannot !== undefined, "an operation with a usage needs a row in this test");
    const keyId = `without-${operation.name}`;
    await given("GenerateKey", { keyId, ...cannot });
    const other = operation.name.includes("Mac") ? "signer" : "mac";
    for (const surface of SURFACES) {
      await refused(surface, admin, operation, { ...valid(operation), keyId }, "KEY_USAGE_FORBIDS", "wrong usage");
      await refused(surface, admin, operation, { ...valid(operation), keyId: other }, "KEY_USAGE_FORBIDS", "wrong kind of key");
    }
  });
}

test("usages that the algorithm cannot have are refused when a key is made", async () => {
  for (const surface of SURFACES) {
    for (const [algorithm, usage] of [
      [Algorithm.Ed25519, Usage.ENCRYPT],
      [Algorithm.Aes256Gcm, Usage.SIGN],
      [Algorithm.HmacSha256, Usage.WRAP_DATA_KEY],
      [Algorithm.Aes256Cbc, Usage.WRAP_DATA_KEY],
    ] as const) {
      const { door, id } = numbered(admin);
      assertRefusal(
        await ask(surface, door, row("GenerateKey"), { algorithm, usage: [usage] } as never),
        surface,
        ["INVALID_REQUEST", "KEY_USAGE_FORBIDS", "MECHANISM_NOT_SUPPORTED"],
        "impossible usage",
        id,
      );
    }
  }
});

test("a destroyed key is refused by everything that would use or change it, and one that never was is not found", async () => {
  for (const [keyId, algorithm] of [
    ["gone-signer", Algorithm.Ed25519],
    ["gone-cipher", Algorithm.Aes256Gcm],
    ["gone-mac", Algorithm.HmacSha256],
    ["gone-kem", Algorithm.MlKem512],
    ["gone-agree", Algorithm.X25519],
    ["gone-secret", Algorithm.GenericSecret],
    ["gone-wrapper", Algorithm.Aes256Kwp],
  ] as const) {
    await given("GenerateKey", { keyId, algorithm });
    await given("DeleteKey", { keyId });
  }
  for (const operation of ABOUT_A_KEY) {
    for (const surface of SURFACES) {
      await refused(surface, admin, operation, { ...valid(operation), keyId: "never-was" }, "OBJECT_NOT_FOUND", "no such key");
      if (["GetKey", "ListVersions", "ListGrants", "RevokeGrant"].includes(operation.name)) continue;
      const request = valid(operation);
      const keyId = `gone-${["cipher", "mac", "kem", "agree", "secret", "wrapper"].includes(String(request["keyId"])) ? String(request["keyId"]) : "signer"}`;
      await refused(surface, admin, operation, { ...request, keyId }, "KEY_STATE_FORBIDS", "a destroyed key");
    }
  }
});

test("mechanism parameters that do not fit the key are refused, on every surface", async () => {
  await given("GenerateKey", { keyId: "p256", algorithm: Algorithm.EcdsaP256 });
  const cases: [string, object][] = [
    ["Sign", { keyId: "signer", digest: Digest.Sha256 }],
    ["Sign", { keyId: "signer", format: 1 }],
    ["Sign", { keyId: "signer", scheme: 2 }],
    ["Sign", { keyId: "p256", digest: Digest.Blake3 }],
    ["Sign", { keyId: "p256", scheme: 1 }],
    ["Encrypt", { keyId: "cipher", scheme: 1 }],
    ["Encrypt", { keyId: "cipher", digest: Digest.Sha256 }],
  ];
  for (const [name, request] of cases) {
    for (const surface of SURFACES) {
      const { door, id } = numbered(admin);
      const answer = await ask(surface, door, row(name), request as never);
      assertRefusal(answer, surface, ["MECHANISM_PARAM_INVALID", "MECHANISM_NOT_SUPPORTED"], `${name} ${JSON.stringify(request)}`, id);
      expected.set(id, { action: name, outcome: answer.code ?? "" });
    }
  }
});

// ---- tenants ----

test("a foreign namespace that exists and one that does not look identical, for every operation on every surface", async () => {
  const token = await mint(tokenKey, { namespaces: ["tenant-a"] });
  const door = { ...bearer, token };
  for (const operation of OPEN.filter(({ scope, name }) => scope !== "server" && name !== "CreateNamespace")) {
    for (const surface of SURFACES) {
      const ownObject = operation.name === "DeleteBudget" || "sinkId" in operation.method.input.field;
      if (ONCE[operation.name] === undefined && ONCE_A_NAMESPACE[operation.name] === undefined && !ownObject) {
        const mine = await ask(surface, door, operation, valid(operation, "tenant-a") as never);
        assert.ok(
          mine.ok || mine.code === COMES_TO_NOTHING[operation.name],
          `${operation.name} at home over ${surface}: ${mine.code} ${mine.detail}`,
        );
      }
      // Under one request id, so that nothing but the namespace differs.
      const under = numbered(door);
      const there = await refused(
        surface,
        door,
        operation,
        valid(operation, "tenant-b"),
        "PERMISSION_DENIED",
        "a namespace of others",
        under,
      );
      const nowhere = await refused(
        surface,
        door,
        operation,
        valid(operation, "tenant-x"),
        "PERMISSION_DENIED",
        "a namespace that is not",
        under,
      );
      const withoutDate = ({ text, ...answer }: Answer): object => ({ ...answer, text: text.replace(/"date":[^\]]*?GMT"/, "") });
      assert.deepEqual(withoutDate(there), withoutDate(nowhere), `${operation.name} over ${surface}`);
    }
  }
});

test("lists, the log and batches hold nothing of other tenants", async () => {
  const door = { ...bearer, token: await mint(tokenKey, { namespaces: ["tenant-a"] }) };
  for (const surface of SURFACES) {
    for (const [name, request] of [
      ["ListNamespaces", {}],
      ["ListKeys", {}],
      ["ListKeys", { perPage: 1000, state: 1 }],
      ["GetAuditLog", { pageSize: 1000, order: SortOrder.NEWEST_FIRST }],
      ["GetStatus", {}],
    ] as const) {
      const answer = await ask(surface, door, row(name), request as never);
      const text = JSON.stringify(answer.reply) + answer.text;
      assert.doesNotMatch(text, /tenant-b/, `${name} over ${surface}`);
      if (name === "GetAuditLog") for (const event of answer.reply["events"]) assert.equal(event.namespace, "tenant-a", surface);
    }
    const items = [
      { operation: { case: "sign", value: { namespace: "tenant-b", keyId: "signer", data: DATA } } },
      { operation: { case: "sign", value: { namespace: "tenant-x", keyId: "signer", data: DATA } } },
    ];
    const { reply } = await ask(surface, door, row("Batch"), { namespace: "tenant-a", items } as never);
    const [there, nowhere] = reply["results"];
    assert.ok(there.error !== undefined);
    assert.deepEqual(there.error, nowhere.error, surface);
  }
});

test("how long a refusal takes does not tell whether a foreign key exists", async () => {
  const door = { ...bearer, token: await mint(tokenKey, { namespaces: ["tenant-a"] }) };
  const measure = async (request: object): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < 60; round += 1) {
      const started = performance.now();
      await ask("REST", door, row("Sign"), request as never);
      times.push(performance.now() - started);
    }
    return times.sort((a, b) => a - b)[30] ?? 0;
  };
  const there = await measure({ namespace: "tenant-b", keyId: SECRET_NAME, data: DATA });
  const nowhere = await measure({ namespace: "tenant-x", keyId: "nothing", data: DATA });
  assert.ok(Math.max(there, nowhere) / Math.min(there, nowhere) < 10, `${there.toFixed(2)} ms and ${nowhere.toFixed(2)} ms`);
});

// ---- doors ----

/** The first line of the answer to bytes that no HTTP library would send. */
function overSocket(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.on("error", reject).on("close", () => resolve(""));
    socket.setEncoding("latin1").once("data", (text: string) => {
      resolve(text.slice(0, text.indexOf("\r\n")));
      socket.destroy();
    });
  });
}

const DEVELOPMENT_DOORS = ["developmentGrpc", "health"] as const;

test("the plaintext listeners refuse a foreign Host, any Origin and cross-site fetches, on every path", async () => {
  for (const name of DEVELOPMENT_DOORS) {
    const port = String(server.addresses[name]).split(":").at(-1);
    const door: Door = { origin: `http://127.0.0.1:${port}` };
    const paths = ["/api/v1/keys", "/api/v1/status", "/openapi.json", ...(name === "health" ? ["/generate_key"] : [])];
    for (const path of paths) {
      for (const headers of [
        { host: "rebound.example" },
        { host: `rebound.example:${port}` },
        { host: `127.0.0.1.rebound.example:${port}` },
        { origin: "http://localhost" },
        { origin: "null" },
        { origin: `http://127.0.0.1:${port}` },
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site" },
      ] as Record<string, string>[]) {
        const answer = await http(door, "GET", path, headers);
        assert.ok(answer.status === 403 || answer.status === 400, `${path} ${JSON.stringify(headers)}: ${answer.status}`);
        assert.doesNotMatch(answer.body.toString(), /key_id/);
      }
      const good = await http(door, "GET", path, { host: `localhost:${port}` });
      assert.equal(good.status, 200, `${name} ${path}`);
    }
    for (const request of [
      `GET /api/v1/status HTTP/1.0\r\n\r\n`,
      `GET /api/v1/status HTTP/1.1\r\nHost:\r\n\r\n`,
      `GET http://rebound.example/api/v1/status HTTP/1.1\r\nHost: rebound.example\r\n\r\n`,
    ]) {
      assert.match(await overSocket(Number(port), request), /^HTTP\/1\.1 40[03] /, `${name}: ${request}`);
    }
    const post = await http(
      door,
      "POST",
      "/hsm.HsmService/GetStatus",
      { "content-type": "application/json", origin: "http://evil.example" },
      "{}",
    );
    assert.equal(post.status, 403);
  }
});

test("who comes in without a login may do everything but close the vault for everybody, or change its keys", async () => {
  const door: Door = { origin: `http://${server.addresses["developmentGrpc"]}` };
  for (const name of ["Seal", "RekeyVault"])
    for (const surface of SURFACES)
      await refused(surface, door, row(name), valid(row(name)), "PERMISSION_DENIED", "the development principal");
  for (const operation of OPEN.filter(({ name }) => !["Seal", "CreateNamespace", "RekeyVault"].includes(name))) {
    const answer = await ask("REST", door, operation, (await answerable(operation)) as never);
    const nothing = COMES_TO_NOTHING[operation.name];
    assert.ok(answer.ok || answer.code === nothing, `${operation.name}: ${answer.code} ${answer.detail}`);
  }
});

test("/generate_key of the oldest system answers with a key id on the development port, and nowhere else", async () => {
  const door: Door = { origin: `http://${server.addresses["health"]}` };
  const answer = await http(door, "GET", "/generate_key");
  const body = JSON.parse(answer.body.toString()) as Record<string, string>;
  assert.deepEqual([answer.status, Object.keys(body)], [200, ["key_id"]]);
  assert.equal((await given("GetKey", { keyId: body["key_id"] }))["key"].algorithm, "Ed25519");
  assert.equal((await http(admin, "GET", "/generate_key")).status, 404);
});

test("no preset but development can switch the plaintext listeners on", async () => {
  for (const preset of ["production", "test"]) {
    const { status, said } = await serveInVain({ preset: preset as "test", args: ["--set", "development.plaintext=true"] });
    assert.equal(status, 2, said);
    assert.match(said, /development\.plaintext/);
  }
});

const found = (command: string): boolean =>
  [...String(process.env["PATH"]).split(delimiter), join(ROOT, ".keystead/bin")].some((folder) => existsSync(join(folder, command)));

test(
  "the three grpcurl commands of the older system run word for word, and openssl accepts the signature",
  { skip: !found("grpcurl") && process.env["CI"] !== "true" && "grpcurl is not installed" },
  async () => {
    const port = String(server.addresses["developmentGrpc"]).split(":").at(-1);
    const run = (command: string): string =>
      execFileSync("sh", ["-c", command.replace("localhost:50051", `localhost:${port}`)], {
        encoding: "utf8",
        env: { ...process.env, PATH: `${join(ROOT, ".keystead/bin")}:${process.env["PATH"]}` },
      });
    const made = JSON.parse(
      run(`grpcurl -plaintext -d '{
  "namespace": "default",
  "key_id": "signing-key-1",
  "algorithm": "Ed25519"
}' localhost:50051 hsm.HsmService/GenerateKey`),
    ) as { keyId: string; publicKey: string };
    assert.equal(made.keyId, "signing-key-1");
    const { signature } = JSON.parse(
      run(`grpcurl -plaintext -d '{
  "namespace": "default",
  "key_id": "signing-key-1",
  "data": "SGVsbG8gV29ybGQ="
}' localhost:50051 hsm.HsmService/Sign`),
    ) as { signature: string };
    const verified = JSON.parse(
      run(
        `grpcurl -plaintext -d '{
  "namespace": "default",
  "key_id": "signing-key-1",
  "data": "SGVsbG8gV29ybGQ=",
  "signature": "<base64-signature>"
}' localhost:50051 hsm.HsmService/Verify`.replace("<base64-signature>", signature),
      ),
    ) as { valid: boolean };
    assert.equal(verified.valid, true);
    const accepts = (data: string): boolean =>
      opensslAccepts(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "{key}", "-in", "{data}", "-sigfile", "{signature}"], {
        key: made.publicKey,
        data,
        signature: Buffer.from(signature, "base64"),
      });
    assert.equal(accepts("Hello World"), true);
    assert.equal(accepts("Hello world"), false);
    assert.ok(openssl(["version"]).length > 0);
  },
);

// ---- sealed, and the log: in this order, last ----

test("a sealed vault refuses everything but its own opening, on every surface, and opens only for who may and with the secret", async () => {
  const operator = { ...bearer, token: await mint(tokenKey, { roles: ["Operator"] }) };
  assert.equal((await given("Seal", {}))["phase"], "sealed");
  for (const operation of OPERATIONS) {
    if (operation.phases.includes("sealed")) continue;
    for (const surface of SURFACES) {
      const { door, id } = numbered(admin);
      assertRefusal(await ask(surface, door, operation, valid(operation) as never), surface, "VAULT_SEALED", operation.name, id);
      if (operation.anonymous === true) continue;
      const stranger = numbered(bearer);
      assertRefusal(
        await ask(surface, stranger.door, operation, valid(operation) as never),
        surface,
        "UNAUTHENTICATED",
        `${operation.name} of a stranger`,
        stranger.id,
      );
    }
  }
  const secret = Buffer.from(readFileSync(join(server.data, "unseal/master.key"), "utf8").trim());
  for (const surface of SURFACES) {
    const { door, id } = numbered(operator);
    assertRefusal(await ask(surface, door, row("Unseal"), { secret } as never), surface, "PERMISSION_DENIED", "Unseal by an operator", id);
    const wrong = numbered(admin);
    assertRefusal(
      await ask(surface, wrong.door, row("Unseal"), { secret: Buffer.alloc(32, 1) } as never),
      surface,
      "UNAUTHENTICATED",
      "Unseal with another secret",
      wrong.id,
    );
    assert.equal((await ask(surface, admin, row("GetStatus"), {} as never)).reply["phase"], "sealed");
  }
  assert.equal((await given("Unseal", { secret }))["phase"], "open");
  for (const surface of SURFACES) {
    assert.ok((await ask(surface, admin, row("Sign"), valid(row("Sign")) as never)).ok, surface);
    const { door, id } = numbered(admin);
    assertRefusal(await ask(surface, door, row("Unseal"), { secret } as never), surface, "INVALID_REQUEST", "Unseal of an open vault", id);
  }
});

test("every refusal of this file that reached the vault is in the audit log, as a refusal, under its request id", async () => {
  const seen = new Map<string, { action: string; decision: string; outcome: string; canonical: string }>();
  let pageToken = "";
  do {
    const page = await given("GetAuditLog", { pageSize: 1000, pageToken });
    for (const event of page["events"]) seen.set(event.request_id, event);
    pageToken = page["next_page_token"];
  } while (pageToken !== "");
  assert.ok(expected.size > 1500, `${expected.size} refusals`);
  for (const [id, { action, outcome }] of expected) {
    const event = seen.get(id);
    assert.deepEqual([event?.action, event?.outcome], [action, outcome], id);
    if (outcome === "UNAUTHENTICATED" || outcome === "PERMISSION_DENIED") assert.equal(event?.decision, "refuse", id);
  }
});

test("no log line holds a token or a private key", async () => {
  const shown = server.output();
  assert.doesNotMatch(shown, /eyJ[A-Za-z0-9_-]{10}|hunter2|PRIVATE KEY/);
});

/** Every message type of the requests is known to this file's generators. */
test("the generators know every kind of field there is", () => {
  const kinds = new Set<string>();
  const visit = (desc: DescMessage): void => {
    for (const field of desc.fields) {
      kinds.add(field.fieldKind === "scalar" ? toJsonKind(field) : field.fieldKind);
      if (field.message !== undefined && field.message.typeName.startsWith("hsm.")) visit(field.message);
    }
  };
  for (const { method } of OPERATIONS) visit(method.input);
  assert.deepEqual([...kinds].sort(), ["bytes", "enum", "list", "message", "number", "string"]);
});
