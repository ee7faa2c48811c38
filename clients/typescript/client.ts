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
import type { DescMethodServerStreaming, DescMethodUnary, Message } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";
import { OPERATIONS } from "@keystead/contract/operations/register";
import type { ErrorDetail } from "@keystead/contract/generated/hsm/hsm_pb";
import type { BatchItem, BatchResult } from "./areas/batches.ts";
import { APPROVAL_OPERATIONS, type ApprovalOperations } from "./areas/approvals.ts";
import { AUDIT_OPERATIONS, type AuditEvent, type AuditOperations, type StreamAuditLogRequest } from "./areas/audit.ts";
import { CERTIFICATE_OPERATIONS, type CertificateOperations } from "./areas/certificates.ts";
import { CIPHER_OPERATIONS, type CipherOperations } from "./areas/ciphers.ts";
import { ESTABLISHMENT_OPERATIONS, type EstablishmentOperations } from "./areas/establishment.ts";
import { IDENTITY_OPERATIONS, type IdentityOperations } from "./areas/identity.ts";
import { KEY_OPERATIONS, type KeyOperations } from "./areas/keys.ts";
import { NAMESPACE_OPERATIONS, type NamespaceOperations } from "./areas/namespaces.ts";
import { SCRIPT_OPERATIONS, type ScriptOperations } from "./areas/scripts.ts";
import { SINK_OPERATIONS, type SinkOperations } from "./areas/sinks.ts";
import { POLICY_OPERATIONS, type PolicyOperations } from "./areas/policy.ts";
import { SIGNATURE_OPERATIONS, type SignatureOperations } from "./areas/signatures.ts";
import { STORED_OBJECT_OPERATIONS, type StoredObjectOperations } from "./areas/stored-objects.ts";
import { TOKEN_OPERATIONS, type TokenOperations } from "./areas/tokens.ts";
import { TRANSFER_OPERATIONS, type TransferOperations } from "./areas/transfer.ts";
import { VAULT_OPERATIONS, type VaultOperations } from "./areas/vault.ts";
import { readReceipt, RECEIPT_HEADER, type AuditReceipt } from "./audit-receipt.ts";
import { openConnection, type ConnectionOptions } from "./connection.ts";
import { followAudit, type AuditStreamAnswer } from "./follow-audit.ts";
import { messageFrom, plainFrom } from "./plain-message.ts";
import { errorFromDetail, remoteError } from "./remote-error.ts";
import { withRetries } from "./retry.ts";
import type { Way } from "./operation-ways.ts";

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
  /** Asked before every call for the `traceparent` (W3C Trace Context) of the caller's own span; undefined = none. */
  readonly traceparent?: (() => string | undefined) | undefined;
  /**
   * Told of every call where its event stands in the audit log, before the call resolves, of refused ones too; without it
   * nobody is asked. A call that was not recorded, such as one that nobody could be found behind, has no place to tell.
   */
  readonly onReceipt?: ((receipt: AuditReceipt) => void) | undefined;
}

/** What is asked for, area by area; a batch is put together from several. */
const AREAS: Readonly<Record<string, Way>> = {
  ...KEY_OPERATIONS,
  ...SIGNATURE_OPERATIONS,
  ...CERTIFICATE_OPERATIONS,
  ...CIPHER_OPERATIONS,
  ...ESTABLISHMENT_OPERATIONS,
  ...TRANSFER_OPERATIONS,
  ...NAMESPACE_OPERATIONS,
  ...IDENTITY_OPERATIONS,
  ...POLICY_OPERATIONS,
  ...AUDIT_OPERATIONS,
  ...VAULT_OPERATIONS,
  ...APPROVAL_OPERATIONS,
  ...SCRIPT_OPERATIONS,
  ...SINK_OPERATIONS,
  ...TOKEN_OPERATIONS,
  ...STORED_OBJECT_OPERATIONS,
};

/** Everything a Keystead server can be asked. */
export interface Keystead
  extends
    KeyOperations,
    SignatureOperations,
    CertificateOperations,
    CipherOperations,
    EstablishmentOperations,
    TransferOperations,
    NamespaceOperations,
    IdentityOperations,
    PolicyOperations,
    AuditOperations,
    VaultOperations,
    ApprovalOperations,
    ScriptOperations,
    SinkOperations,
    TokenOperations,
    StoredObjectOperations {
  /** A result per item, in order; an item's refusal is its result's `error`, not a thrown error. */
  batch(request: { readonly namespace?: string | undefined; readonly items: readonly BatchItem[] }): Promise<readonly BatchResult[]>;
  /**
   * Events of the audit log as they become durable, from now on or after a sequence number. Goes on by itself when the
   * connection or the credential ended meanwhile; nothing is missed and nothing comes twice.
   *
   * @example
   * for await (const event of keystead.streamAuditLog({ keyId: "release" })) console.log(event.action);
   * @throws {HsmError} what a call throws; PROVIDER_UNAVAILABLE when the server stays away for longer than a call may take
   */
  streamAuditLog(request?: StreamAuditLogRequest, following?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<AuditEvent>;
  /** Ends the connection. */
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const rows = new Map(OPERATIONS.map((row) => [row.name, row]));

/**
 * Does the operation's request have a namespace that may be filled in? CreateNamespace names a new one instead; approvals
 * are named by ids that are good everywhere.
 */
const takesNamespace = (row: Operation): boolean =>
  row.scope !== "server" &&
  row.name !== "CreateNamespace" &&
  !row.permission.startsWith("approval:") &&
  "namespace" in row.method.input.field;

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
    const trace = options.traceparent?.();
    return {
      "x-request-id": requestId,
      ...(trace === undefined ? {} : { traceparent: trace }),
      ...(options.onReceipt === undefined ? {} : { [RECEIPT_HEADER]: "request" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  function receipt(operation: string, requestId: string, header: string | null | undefined): void {
    const found = options.onReceipt === undefined ? undefined : readReceipt(header, { operation, requestId });
    if (found !== undefined) options.onReceipt?.(found);
  }

  function messageOf(row: Operation, request: object): Message {
    const plain: Record<string, unknown> = { ...request };
    if (options.namespace !== undefined && plain["namespace"] === undefined && takesNamespace(row)) plain["namespace"] = options.namespace;
    return messageFrom(row.method.input, plain) as Message;
  }

  async function call(name: string, request: object = {}): Promise<unknown> {
    const row = rows.get(name) as Operation;
    const method = row.method as DescMethodUnary;
    const message = messageOf(row, request);
    const requestId = options.requestId ?? randomUUID();
    const deadline = Date.now() + timeoutMs;
    const answer = await withRetries(
      row,
      deadline,
      async () => connection.transport.unary(method, undefined, Math.max(1, deadline - Date.now()), await headers(requestId), message),
      (thrown) => remoteError(thrown, options.endpoint),
    ).catch((error: unknown) => {
      receipt(name, requestId, error instanceof HsmError ? error.receipt : undefined);
      throw error;
    });
    receipt(name, requestId, answer.header.get(RECEIPT_HEADER));
    return plainFrom(row.method.output, answer.message as Message);
  }

  const ways = Object.entries(AREAS).map(([method, way]) => {
    const [operation, member] = typeof way === "string" ? [way, undefined] : way;
    const ask = async (request?: object): Promise<unknown> => {
      const answer = (await call(operation, request)) as Record<string, unknown>;
      return member === undefined ? answer : answer[member];
    };
    return [method, ask] as const;
  });
  return {
    ...(Object.fromEntries(ways) as unknown as Omit<Keystead, "batch" | "close" | "streamAuditLog">),
    streamAuditLog: (request = {}, following = {}) =>
      followAudit(request, {
        ...following,
        patienceMs: timeoutMs,
        async *open(asked, signal) {
          const row = rows.get("StreamAuditLog") as Operation;
          const method = row.method as DescMethodServerStreaming;
          const message = messageOf(row, asked);
          const requestId = options.requestId ?? randomUUID();
          const answer = await connection.transport.stream(
            method,
            signal,
            undefined,
            await headers(requestId),
            (async function* one() {
              yield message;
            })(),
          );
          receipt(row.name, requestId, answer.header.get(RECEIPT_HEADER));
          for await (const reply of answer.message) yield plainFrom(method.output, reply as Message) as unknown as AuditStreamAnswer;
        },
        asError: (thrown) => remoteError(thrown, options.endpoint),
        renews: options.tokenProvider !== undefined,
      }),
    async batch(request) {
      const { results } = (await call("Batch", request)) as { results: { error?: ErrorDetail }[] };
      return results.map((result) => (result.error === undefined ? result : { error: errorFromDetail(result.error) })) as BatchResult[];
    },
    close: () => connection.close(),
  };
}
