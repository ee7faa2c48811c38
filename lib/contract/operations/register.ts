/**
 * The operation table: one explicit line per operation, read by every surface, the monitor, the docs and the tests.
 */
import type { Operation } from "../operation.ts";
import { getAuditTile } from "./get-audit-tile.ts";
import { getAuditEntries } from "./get-audit-entries.ts";
import { acknowledgeAuditBreak } from "./acknowledge-audit-break.ts";
import { getAuditBreak } from "./get-audit-break.ts";
import { proveAuditConsistency } from "./prove-audit-consistency.ts";
import { proveAuditEvent } from "./prove-audit-event.ts";
import { listAuditCheckpoints } from "./list-audit-checkpoints.ts";
import { getAuditCheckpoint } from "./get-audit-checkpoint.ts";
import { generateKey } from "./generate-key.ts";
import { importKey } from "./import-key.ts";
import { getKey } from "./get-key.ts";
import { getPublicKey } from "./get-public-key.ts";
import { listKeys } from "./list-keys.ts";
import { rotateKey } from "./rotate-key.ts";
import { deleteKey } from "./delete-key.ts";
import { sign } from "./sign.ts";
import { generateCertificate } from "./generate-certificate.ts";
import { generateCsr } from "./generate-csr.ts";
import { signDigest } from "./sign-digest.ts";
import { signRaw } from "./sign-raw.ts";
import { verify } from "./verify.ts";
import { encrypt } from "./encrypt.ts";
import { decrypt } from "./decrypt.ts";
import { generateMac } from "./generate-mac.ts";
import { verifyMac } from "./verify-mac.ts";
import { generateDataKey } from "./generate-data-key.ts";
import { encapsulate } from "./encapsulate.ts";
import { decapsulate } from "./decapsulate.ts";
import { agreeKey } from "./agree-key.ts";
import { deriveKey } from "./derive-key.ts";
import { hpkeOpen } from "./hpke-open.ts";
import { hpkeSeal } from "./hpke-seal.ts";
import { copyKey } from "./copy-key.ts";
import { wrapKey } from "./wrap-key.ts";
import { unwrapKey } from "./unwrap-key.ts";
import { exportKey } from "./export-key.ts";
import { rewrapData } from "./rewrap-data.ts";
import { hash } from "./hash.ts";
import { generateRandom } from "./generate-random.ts";
import { batch } from "./batch.ts";
import { createNamespace } from "./create-namespace.ts";
import { listNamespaces } from "./list-namespaces.ts";
import { getAuditLog } from "./get-audit-log.ts";
import { getStatus } from "./get-status.ts";
import { listAlerts } from "./list-alerts.ts";
import { unseal } from "./unseal.ts";
import { seal } from "./seal.ts";
import { rekeyVault } from "./rekey-vault.ts";
import { activateKey } from "./activate-key.ts";
import { suspendKey } from "./suspend-key.ts";
import { resumeKey } from "./resume-key.ts";
import { deactivateKey } from "./deactivate-key.ts";
import { revokeKey } from "./revoke-key.ts";
import { rollbackKey } from "./rollback-key.ts";
import { listVersions } from "./list-versions.ts";
import { updateKey } from "./update-key.ts";
import { destroyKey } from "./destroy-key.ts";
import { cancelDestruction } from "./cancel-destruction.ts";
import { purgeKey } from "./purge-key.ts";
import { setAttributes } from "./set-attributes.ts";
import { findObjects } from "./find-objects.ts";
import { approvePurge } from "./approve-purge.ts";
import { listApprovals } from "./list-approvals.ts";
import { getApproval } from "./get-approval.ts";
import { approveRequest } from "./approve-request.ts";
import { denyRequest } from "./deny-request.ts";
import { cancelRequest } from "./cancel-request.ts";
import { overrideApproval } from "./override-approval.ts";
import { adoptPasskey } from "./adopt-passkey.ts";
import { registerApproverKey } from "./register-approver-key.ts";
import { listApproverKeys } from "./list-approver-keys.ts";
import { revokeApproverKey } from "./revoke-approver-key.ts";
import { uploadScript } from "./upload-script.ts";
import { getScript } from "./get-script.ts";
import { listScripts } from "./list-scripts.ts";
import { enableScript } from "./enable-script.ts";
import { disableScript } from "./disable-script.ts";
import { deleteScript } from "./delete-script.ts";
import { simulateScript } from "./simulate-script.ts";
import { createUser } from "./create-user.ts";
import { getUser } from "./get-user.ts";
import { listUsers } from "./list-users.ts";
import { updateUser } from "./update-user.ts";
import { deleteUser } from "./delete-user.ts";
import { setPassword } from "./set-password.ts";
import { unlockUser } from "./unlock-user.ts";
import { enrollTotp } from "./enroll-totp.ts";
import { confirmTotp } from "./confirm-totp.ts";
import { beginWebAuthnRegistration } from "./begin-webauthn-registration.ts";
import { finishWebAuthnRegistration } from "./finish-webauthn-registration.ts";
import { removeFactor } from "./remove-factor.ts";
import { generateRecoveryCodes } from "./generate-recovery-codes.ts";
import { login } from "./login.ts";
import { completeLogin } from "./complete-login.ts";
import { refreshSession } from "./refresh-session.ts";
import { logout } from "./logout.ts";
import { listSessions } from "./list-sessions.ts";
import { revokeSession } from "./revoke-session.ts";
import { whoAmI } from "./who-am-i.ts";
import { createServiceAccount } from "./create-service-account.ts";
import { listServiceAccounts } from "./list-service-accounts.ts";
import { deleteServiceAccount } from "./delete-service-account.ts";
import { createSecretId } from "./create-secret-id.ts";
import { revokeSecretId } from "./revoke-secret-id.ts";
import { loginOidc } from "./login-oidc.ts";
import { loginService } from "./login-service.ts";
import { getJwks } from "./get-jwks.ts";
import { listConfigVersions } from "./list-config-versions.ts";
import { getConfigVersion } from "./get-config-version.ts";
import { acceptConfig } from "./accept-config.ts";
import { getPolicy } from "./get-policy.ts";
import { setPolicy } from "./set-policy.ts";
import { listPolicyVersions } from "./list-policy-versions.ts";
import { diffPolicy } from "./diff-policy.ts";
import { testPolicy } from "./test-policy.ts";
import { explainDecision } from "./explain-decision.ts";
import { replayPolicy } from "./replay-policy.ts";
import { listRoles } from "./list-roles.ts";
import { createGrant } from "./create-grant.ts";
import { listGrants } from "./list-grants.ts";
import { revokeGrant } from "./revoke-grant.ts";
import { getNamespace } from "./get-namespace.ts";
import { updateNamespace } from "./update-namespace.ts";
import { suspendNamespace } from "./suspend-namespace.ts";
import { resumeNamespace } from "./resume-namespace.ts";
import { setBudget } from "./set-budget.ts";
import { listBudgets } from "./list-budgets.ts";
import { deleteBudget } from "./delete-budget.ts";
import { deleteNamespace } from "./delete-namespace.ts";
import { cancelNamespaceDeletion } from "./cancel-namespace-deletion.ts";
import { purgeNamespace } from "./purge-namespace.ts";
import { streamAuditLog } from "./stream-audit-log.ts";
import { createSink } from "./create-sink.ts";
import { getSink } from "./get-sink.ts";
import { listSinks } from "./list-sinks.ts";
import { updateSink } from "./update-sink.ts";
import { deleteSink } from "./delete-sink.ts";
import { testSink } from "./test-sink.ts";
import { listDeliveries } from "./list-deliveries.ts";
import { redeliverDelivery } from "./redeliver-delivery.ts";
import { rotateSinkSecret } from "./rotate-sink-secret.ts";
import { createToken } from "./create-token.ts";
import { listTokens } from "./list-tokens.ts";
import { getToken } from "./get-token.ts";
import { deleteToken } from "./delete-token.ts";
import { loginToken } from "./login-token.ts";
import { initToken } from "./init-token.ts";
import { initTokenPin } from "./init-token-pin.ts";
import { setTokenPin } from "./set-token-pin.ts";
import { reauthenticate } from "./reauthenticate.ts";
import { storeObject } from "./store-object.ts";
import { getStoredObject } from "./get-stored-object.ts";
import { findStoredObjects } from "./find-stored-objects.ts";
import { updateStoredObject } from "./update-stored-object.ts";
import { deleteStoredObject } from "./delete-stored-object.ts";

/** Every operation, in the order of its number. */
export const OPERATIONS: readonly Operation[] = Object.freeze([
  generateKey,
  importKey,
  getKey,
  getPublicKey,
  listKeys,
  rotateKey,
  deleteKey,
  sign,
  signDigest,
  signRaw,
  generateCsr,
  generateCertificate,
  verify,
  encrypt,
  decrypt,
  generateMac,
  verifyMac,
  generateDataKey,
  hash,
  generateRandom,
  batch,
  createNamespace,
  listNamespaces,
  getAuditLog,
  getStatus,
  listAlerts,
  unseal,
  seal,
  encapsulate,
  decapsulate,
  activateKey,
  suspendKey,
  resumeKey,
  deactivateKey,
  revokeKey,
  rollbackKey,
  listVersions,
  updateKey,
  destroyKey,
  cancelDestruction,
  purgeKey,
  setAttributes,
  findObjects,
  approvePurge,
  agreeKey,
  deriveKey,
  hpkeSeal,
  hpkeOpen,
  wrapKey,
  copyKey,
  unwrapKey,
  exportKey,
  rewrapData,
  rekeyVault,
  listApprovals,
  getApproval,
  approveRequest,
  denyRequest,
  cancelRequest,
  overrideApproval,
  registerApproverKey,
  adoptPasskey,
  listApproverKeys,
  revokeApproverKey,
  uploadScript,
  getScript,
  listScripts,
  enableScript,
  disableScript,
  deleteScript,
  simulateScript,
  createUser,
  getUser,
  listUsers,
  updateUser,
  deleteUser,
  setPassword,
  unlockUser,
  enrollTotp,
  confirmTotp,
  beginWebAuthnRegistration,
  finishWebAuthnRegistration,
  removeFactor,
  generateRecoveryCodes,
  login,
  completeLogin,
  refreshSession,
  logout,
  listSessions,
  revokeSession,
  whoAmI,
  createServiceAccount,
  listServiceAccounts,
  deleteServiceAccount,
  createSecretId,
  revokeSecretId,
  loginOidc,
  loginService,
  getJwks,
  listConfigVersions,
  getConfigVersion,
  acceptConfig,
  getPolicy,
  setPolicy,
  listPolicyVersions,
  diffPolicy,
  testPolicy,
  explainDecision,
  replayPolicy,
  listRoles,
  createGrant,
  listGrants,
  revokeGrant,
  getNamespace,
  updateNamespace,
  suspendNamespace,
  resumeNamespace,
  setBudget,
  listBudgets,
  deleteBudget,
  deleteNamespace,
  cancelNamespaceDeletion,
  purgeNamespace,
  streamAuditLog,
  createSink,
  getSink,
  listSinks,
  updateSink,
  deleteSink,
  testSink,
  listDeliveries,
  redeliverDelivery,
  rotateSinkSecret,
  getAuditCheckpoint,
  listAuditCheckpoints,
  proveAuditEvent,
  proveAuditConsistency,
  getAuditBreak,
  acknowledgeAuditBreak,
  getAuditEntries,
  getAuditTile,
  createToken,
  listTokens,
  getToken,
  deleteToken,
  loginToken,
  initToken,
  initTokenPin,
  setTokenPin,
  reauthenticate,
  storeObject,
  getStoredObject,
  findStoredObjects,
  updateStoredObject,
  deleteStoredObject,
] as unknown as Operation[]);

const byNumber = new Map(OPERATIONS.map((row) => [row.number, row]));
const byName = new Map(OPERATIONS.map((row) => [row.name, row]));

/** The row with this frame number, or undefined. */
export const operationByNumber = (number: number): Operation | undefined => byNumber.get(number);

/** The row with this gRPC name, or undefined. */
export const operationByName = (name: string): Operation | undefined => byName.get(name);

/**
 * Frame numbers above 60000 are questions of the gateway itself. They need no principal, change nothing, answer
 * nothing about any tenant's keys, and are not operations: no surface offers them.
 */
export const SELF = Object.freeze({
  /** Takes what the gateway says of itself, JSON (gateway-facts.ts), and answers nothing. */
  facts: 60004,
  /** Answers JSON {phase, ready, version, uptimeSeconds}. */
  health: 60001,
  /** Answers the vault's samples, JSON (Samples of metrics.ts). */
  metrics: 60002,
  /** Answers the vault's spans since the last time, JSON (Span[] of spans.ts). */
  spans: 60003,
} as const);

/**
 * The frame by which the gateway asks for more of a stream that an operation opened: the same evidence, looked at anew, and
 * as body JSON {waitMs}, or {end: true} when nobody listens any more. A stream is named by its caller and request id.
 */
export const STREAM_ON = 60100;
