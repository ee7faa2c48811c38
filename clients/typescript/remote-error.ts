/**
 * What went wrong on the way or on the server, as the HsmError everybody else throws.
 *
 * The server's own hsm.ErrorDetail decides when there is one. Without it (a proxy answered, the connection failed)
 * the gRPC code and the system's error code decide. The detail never holds request bytes.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { ERRORS, HsmError, type ErrorCode } from "@keystead/contract/errors";
import { ErrorDetailSchema, type ErrorDetail } from "@keystead/contract/generated/hsm/hsm_pb";
import { RECEIPT_HEADER } from "./audit-receipt.ts";

/** The code for a failure that carries no ErrorDetail. */
const BY_GRPC_CODE: Readonly<Partial<Record<Code, ErrorCode>>> = Object.freeze({
  [Code.Canceled]: "CANCELLED",
  [Code.InvalidArgument]: "INVALID_REQUEST",
  [Code.DeadlineExceeded]: "DEADLINE_EXCEEDED",
  [Code.NotFound]: "OBJECT_NOT_FOUND",
  [Code.AlreadyExists]: "OBJECT_EXISTS",
  [Code.PermissionDenied]: "PERMISSION_DENIED",
  [Code.ResourceExhausted]: "RATE_LIMITED",
  [Code.FailedPrecondition]: "KEY_STATE_FORBIDS",
  [Code.Unimplemented]: "OPERATION_NOT_SUPPORTED",
  [Code.Unavailable]: "PROVIDER_UNAVAILABLE",
  [Code.DataLoss]: "INTEGRITY_FAILURE",
  [Code.Unauthenticated]: "UNAUTHENTICATED",
  [Code.Aborted]: "PROVIDER_UNAVAILABLE",
});

/** System errors that mean no byte of a request reached anybody. */
const NOT_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ENOENT", "EACCES"]);

const isCode = (name: string): name is ErrorCode => Object.hasOwn(ERRORS, name);

/** The error behind an ErrorDetail; a code this version does not know becomes INTERNAL and says so. */
export function errorFromDetail(detail: ErrorDetail, cause?: unknown): HsmError {
  const receipt = cause instanceof ConnectError ? cause.metadata.get(RECEIPT_HEADER) : null;
  const retry = {
    ...(receipt === null ? {} : { receipt }),
    ...(detail.retryAfterSeconds > 0 ? { retryAfterSeconds: detail.retryAfterSeconds } : {}),
    ...(detail.approvalId === "" ? {} : { approvalId: detail.approvalId }),
    nothingDone: detail.nothingDone,
  };
  if (isCode(detail.code)) return new HsmError(detail.code, detail.detail, { cause, ...retry });
  return new HsmError("INTERNAL", `${detail.detail} (unknown code ${detail.code}: this client is older than the server)`, {
    cause,
    ...retry,
  });
}

/** Every `code` of node's errors in a chain of causes. */
function systemCodes(thrown: unknown): readonly string[] {
  const codes: string[] = [];
  const seen = new Set<unknown>();
  for (let error = thrown; error instanceof Error && !seen.has(error); error = error.cause) {
    seen.add(error);
    if ("code" in error && typeof error.code === "string") codes.push(error.code);
    if (error instanceof AggregateError) codes.push(...error.errors.flatMap((inner: unknown) => systemCodes(inner)));
  }
  return codes;
}

const isTlsRefusal = (code: string): boolean =>
  code.startsWith("ERR_SSL_") ||
  code.startsWith("ERR_TLS_") ||
  code.startsWith("CERT_") ||
  code.includes("CERT") ||
  code.startsWith("UNABLE_TO_");

/** Any thrown value of a call as an HsmError, with the original as its cause. */
export function remoteError(thrown: unknown, endpoint: string): HsmError {
  if (thrown instanceof HsmError) return thrown;
  const error = ConnectError.from(thrown);
  const detail = error.findDetails(ErrorDetailSchema)[0];
  if (detail !== undefined) return errorFromDetail(detail, error);
  const codes = systemCodes(error);
  const tls = codes.find(isTlsRefusal);
  const told = { cause: error, nothingDone: codes.some((code) => NOT_SENT.has(code) || isTlsRefusal(code)) };
  if (tls !== undefined) return new HsmError("UNAUTHENTICATED", `the TLS handshake with ${endpoint} failed (${tls})`, told);
  if (codes.length > 0) return new HsmError("PROVIDER_UNAVAILABLE", `cannot reach ${endpoint} (${codes.at(-1)})`, told);
  return new HsmError(BY_GRPC_CODE[error.code] ?? "INTERNAL", error.rawMessage, { cause: error });
}

/** The request id under which the server recorded a failure, or undefined. */
export function requestIdOf(error: unknown): string | undefined {
  const cause = error instanceof HsmError ? error.cause : error;
  if (!(cause instanceof ConnectError)) return undefined;
  const id = cause.findDetails(ErrorDetailSchema)[0]?.requestId ?? cause.metadata.get("x-request-id");
  return id === null || id === "" ? undefined : id;
}
