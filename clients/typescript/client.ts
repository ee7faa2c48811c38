/**
 * The Keystead client: one method per operation of the contract.
 *
 * Algorithm names go in and come out in their canonical spelling, bytes come out as Buffers, and every failure is an
 * HsmError with the server's code, number and detail. Names of keys and namespaces are never put in a URL.
 *
 * @example
 * const keystead = createKeystead({ endpoint: "https://localhost:8443", ca, cert, key });
 * const { signature } = await keystead.sign({ keyId: "release", data: Buffer.from("hello") });
 * keystead.close();
 */
import { randomUUID } from "node:crypto";
import type { Message } from "@bufbuild/protobuf";
import type { Operation } from "@keystead/contract/operation";
import { OPERATIONS } from "@keystead/contract/operations/register";
import type { ErrorDetail } from "@keystead/contract/generated/hsm/hsm_pb";
import { openConnection, type ConnectionOptions } from "./connection.ts";
import { messageFrom, plainFrom } from "./plain-message.ts";
import { errorFromDetail, remoteError } from "./remote-error.ts";
import { withRetries } from "./retry.ts";
import type * as shapes from "./shapes.ts";

export interface KeysteadOptions extends ConnectionOptions {
  /** Bearer token (JWT) sent with every call. */
  readonly token?: string | undefined;
  /** Asked for a token before every call, instead of `token`. */
  readonly tokenProvider?: (() => string | Promise<string>) | undefined;
  /** For calls that name no namespace. */
  readonly namespace?: string | undefined;
  /** Time for one call with all its tries, in milliseconds; 30 000 when left out. */
  readonly timeoutMs?: number | undefined;
  /** Sent with every call, so that the audit log can be matched; a fresh UUID per call when left out. */
  readonly requestId?: string | undefined;
}

/** Everything a Keystead server can be asked. */
export interface Keystead {
  generateKey(request: shapes.GenerateKeyRequest): Promise<shapes.NewKeyResponse>;
  importKey(request: shapes.ImportKeyRequest): Promise<shapes.NewKeyResponse>;
  getKey(request: shapes.KeyAddress): Promise<shapes.Key>;
  getPublicKey(request: shapes.GetPublicKeyRequest): Promise<shapes.GetPublicKeyResponse>;
  listKeys(request?: shapes.ListKeysRequest): Promise<shapes.ListKeysResponse>;
  rotateKey(request: shapes.RotateKeyRequest): Promise<shapes.RotateKeyResponse>;
  deleteKey(request: shapes.KeyAddress): Promise<shapes.DeleteKeyResponse>;
  activateKey(request: shapes.KeyAddress): Promise<shapes.ChangedKeyResponse>;
  suspendKey(request: shapes.KeyAddress): Promise<shapes.ChangedKeyResponse>;
  resumeKey(request: shapes.KeyAddress): Promise<shapes.ChangedKeyResponse>;
  deactivateKey(request: shapes.KeyAddress): Promise<shapes.ChangedKeyResponse>;
  revokeKey(request: shapes.RevokeKeyRequest): Promise<shapes.ChangedKeyResponse>;
  rollbackKey(request: shapes.RollbackKeyRequest): Promise<shapes.RotateKeyResponse>;
  listVersions(request: shapes.KeyAddress): Promise<shapes.ListVersionsResponse>;
  updateKey(request: shapes.UpdateKeyRequest): Promise<shapes.ChangedKeyResponse>;
  /** Schedules; until it is due, cancelDestruction takes it back. */
  destroyKey(request: shapes.DestroyKeyRequest): Promise<shapes.ChangedKeyResponse>;
  cancelDestruction(request: shapes.VersionAddress): Promise<shapes.ChangedKeyResponse>;
  purgeKey(request: shapes.VersionAddress): Promise<shapes.ChangedKeyResponse>;
  /** Confirms a destruction that the server asked for. */
  approvePurge(request: shapes.VersionAddress): Promise<shapes.ChangedKeyResponse>;
  setAttributes(request: shapes.SetAttributesRequest): Promise<shapes.ChangedKeyResponse>;
  findObjects(request?: shapes.FindObjectsRequest): Promise<shapes.FindObjectsResponse>;
  sign(request: shapes.SignRequest): Promise<shapes.SignResponse>;
  signDigest(request: shapes.SignDigestRequest): Promise<shapes.SignResponse>;
  generateCsr(request: shapes.GenerateCsrRequest): Promise<shapes.GenerateCsrResponse>;
  generateCertificate(request: shapes.GenerateCertificateRequest): Promise<shapes.GenerateCertificateResponse>;
  verify(request: shapes.VerifyRequest): Promise<shapes.Verdict>;
  encrypt(request: shapes.EncryptRequest): Promise<shapes.EncryptResponse>;
  decrypt(request: shapes.DecryptRequest): Promise<shapes.DecryptResponse>;
  generateMac(request: shapes.GenerateMacRequest): Promise<shapes.GenerateMacResponse>;
  verifyMac(request: shapes.VerifyMacRequest): Promise<shapes.Verdict>;
  generateDataKey(request: shapes.GenerateDataKeyRequest): Promise<shapes.GenerateDataKeyResponse>;
  /** A fresh shared secret for the holder of the private half: a managed key, or bytes. */
  encapsulate(request: shapes.EncapsulateRequest): Promise<shapes.EncapsulateResponse>;
  decapsulate(request: shapes.DecapsulateRequest): Promise<shapes.DecapsulateResponse>;
  /** The secret shared with a peer: a managed key by way of a derivation, or bytes. */
  agreeKey(request: shapes.AgreeKeyRequest): Promise<shapes.SecretResult>;
  /** A managed key out of a generic secret: a key or a password. */
  deriveKey(request: shapes.DeriveKeyRequest): Promise<shapes.DeriveKeyResponse>;
  /** One message to the holder of a key (HPKE, RFC 9180). */
  hpkeSeal(request: shapes.HpkeSealRequest): Promise<shapes.HpkeSealResponse>;
  hpkeOpen(request: shapes.HpkeOpenRequest): Promise<shapes.HpkeOpenResponse>;
  wrapKey(request: shapes.WrapKeyRequest): Promise<shapes.WrapKeyResponse>;
  unwrapKey(request: shapes.UnwrapKeyRequest): Promise<shapes.NewKeyResponse>;
  /** A key leaves: encrypted for the holder of a public key, or in plain if its policy says so. */
  exportKey(request: shapes.ExportKeyRequest): Promise<shapes.ExportKeyResponse>;
  /** A ciphertext under the newest version of its key, or under another key; the plaintext stays in the vault. */
  rewrapData(request: shapes.RewrapDataRequest): Promise<shapes.RewrapDataResponse>;
  hash(request: shapes.HashRequest): Promise<shapes.HashResponse>;
  generateRandom(request: { readonly sizeBytes: number }): Promise<Buffer>;
  /** A result per item, in order; an item's refusal is its result's `error`, not a thrown error. */
  batch(request: {
    readonly namespace?: string | undefined;
    readonly items: readonly shapes.BatchItem[];
  }): Promise<readonly shapes.BatchResult[]>;
  createNamespace(request: shapes.CreateNamespaceRequest): Promise<shapes.Namespace>;
  listNamespaces(): Promise<readonly shapes.Namespace[]>;
  getAuditLog(request?: shapes.GetAuditLogRequest): Promise<shapes.GetAuditLogResponse>;
  getStatus(): Promise<shapes.Status>;
  unseal(request: shapes.UnsealRequest): Promise<shapes.PhaseResponse>;
  rekeyVault(request: shapes.RekeyVaultRequest): Promise<shapes.RekeyVaultResponse>;
  seal(): Promise<shapes.PhaseResponse>;
  /** Ends the connection. */
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const rows = new Map(OPERATIONS.map((row) => [row.name, row]));

/** Does the operation's request have a namespace that may be filled in? CreateNamespace names a new one instead. */
const takesNamespace = (row: Operation): boolean =>
  row.scope !== "server" && row.name !== "CreateNamespace" && "namespace" in row.method.input.field;

/**
 * A client for one server. Nothing is dialled before the first call.
 *
 * @throws {HsmError} INVALID_REQUEST for an endpoint that may not be dialled or a certificate without its key.
 *   Calls throw the server's own code; PROVIDER_UNAVAILABLE when it cannot be reached, UNAUTHENTICATED when TLS
 *   fails, DEADLINE_EXCEEDED after `timeoutMs`.
 */
export function createKeystead(options: KeysteadOptions): Keystead {
  const connection = openConnection(options);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;

  async function headers(requestId: string): Promise<Record<string, string>> {
    const token = options.tokenProvider === undefined ? options.token : await options.tokenProvider();
    return { "x-request-id": requestId, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  }

  async function call(name: string, request: object = {}): Promise<unknown> {
    const row = rows.get(name) as Operation;
    const plain: Record<string, unknown> = { ...request };
    if (options.namespace !== undefined && plain["namespace"] === undefined && takesNamespace(row)) plain["namespace"] = options.namespace;
    const message = messageFrom(row.method.input, plain);
    const requestId = options.requestId ?? randomUUID();
    const deadline = Date.now() + timeoutMs;
    const answer = await withRetries(
      row,
      deadline,
      async () => connection.transport.unary(row.method, undefined, Math.max(1, deadline - Date.now()), await headers(requestId), message),
      (thrown) => remoteError(thrown, options.endpoint),
    );
    return plainFrom(row.method.output, answer.message as Message);
  }

  const method =
    (name: string) =>
    (request?: object): Promise<never> =>
      call(name, request) as Promise<never>;
  const member =
    (name: string, field: string) =>
    async (request?: object): Promise<never> =>
      ((await call(name, request)) as Record<string, never>)[field] as never;

  return {
    generateKey: method("GenerateKey"),
    importKey: method("ImportKey"),
    getKey: member("GetKey", "key"),
    getPublicKey: method("GetPublicKey"),
    listKeys: method("ListKeys"),
    rotateKey: method("RotateKey"),
    deleteKey: method("DeleteKey"),
    activateKey: method("ActivateKey"),
    suspendKey: method("SuspendKey"),
    resumeKey: method("ResumeKey"),
    deactivateKey: method("DeactivateKey"),
    revokeKey: method("RevokeKey"),
    rollbackKey: method("RollbackKey"),
    listVersions: method("ListVersions"),
    updateKey: method("UpdateKey"),
    destroyKey: method("DestroyKey"),
    cancelDestruction: method("CancelDestruction"),
    purgeKey: method("PurgeKey"),
    approvePurge: method("ApprovePurge"),
    setAttributes: method("SetAttributes"),
    findObjects: method("FindObjects"),
    sign: method("Sign"),
    signDigest: method("SignDigest"),
    generateCsr: method("GenerateCsr"),
    generateCertificate: method("GenerateCertificate"),
    verify: method("Verify"),
    encrypt: method("Encrypt"),
    decrypt: method("Decrypt"),
    generateMac: method("GenerateMac"),
    verifyMac: method("VerifyMac"),
    generateDataKey: method("GenerateDataKey"),
    encapsulate: method("Encapsulate"),
    decapsulate: method("Decapsulate"),
    agreeKey: method("AgreeKey"),
    deriveKey: method("DeriveKey"),
    hpkeSeal: method("HpkeSeal"),
    hpkeOpen: method("HpkeOpen"),
    wrapKey: method("WrapKey"),
    unwrapKey: method("UnwrapKey"),
    exportKey: method("ExportKey"),
    rewrapData: method("RewrapData"),
    hash: method("Hash"),
    generateRandom: member("GenerateRandom", "random"),
    async batch(request) {
      const { results } = (await call("Batch", request)) as { results: { error?: ErrorDetail }[] };
      return results.map((result) =>
        result.error === undefined ? result : { error: errorFromDetail(result.error) },
      ) as shapes.BatchResult[];
    },
    createNamespace: member("CreateNamespace", "namespace"),
    listNamespaces: member("ListNamespaces", "namespaces"),
    getAuditLog: method("GetAuditLog"),
    getStatus: method("GetStatus"),
    unseal: method("Unseal"),
    rekeyVault: method("RekeyVault"),
    seal: method("Seal"),
    close: () => connection.close(),
  };
}
