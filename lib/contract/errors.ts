/**
 * The one error class and the one table of error codes.
 *
 * Every refusal anywhere in Keystead is an {@link HsmError} with a code from {@link ERRORS}. Each surface
 * (REST, gRPC, Connect, CLI; later KMIP and PKCS#11) reads its own column of the same row, so that one
 * failure has one meaning on every door. `detail` is for people and may be sent to the caller; `cause` is
 * for the log and never leaves the server.
 *
 * @see RFC 9457 (problem+json); google.rpc.Code
 */

/** One row: what a code looks like on each surface. */
export interface ErrorRow {
  /** Number in the range 100-109 that clients of the older systems switch on. */
  readonly number: number;
  /** HTTP status of the problem+json answer. */
  readonly http: number;
  /** google.rpc.Code number, used by gRPC, gRPC-Web and Connect. */
  readonly grpc: number;
  /** PKCS#11 return value name. */
  readonly ckr: string;
  /** KMIP result reason name (KMIP 2.1 §11.49). */
  readonly kmip: string;
  /** Short human title, constant per code (RFC 9457 `title`). */
  readonly title: string;
  /** Process exit status of the command line. */
  readonly exit: number;
}

/** `google.rpc.Code` names by number, as Connect spells them. */
export const GRPC_CODES = Object.freeze({
  canceled: 1,
  unknown: 2,
  invalid_argument: 3,
  deadline_exceeded: 4,
  not_found: 5,
  already_exists: 6,
  permission_denied: 7,
  resource_exhausted: 8,
  failed_precondition: 9,
  aborted: 10,
  out_of_range: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  data_loss: 15,
  unauthenticated: 16,
} as const);

/** Every code there is. A new code is one line here and nothing else. */
export const ERRORS = Object.freeze({
  INVALID_REQUEST: {
    number: 105,
    http: 400,
    grpc: 3,
    ckr: "CKR_ARGUMENTS_BAD",
    kmip: "Invalid Message",
    title: "The request is not valid",
    exit: 2,
  },
  REQUEST_TOO_LARGE: {
    number: 105,
    http: 413,
    grpc: 8,
    ckr: "CKR_DATA_LEN_RANGE",
    kmip: "Invalid Message",
    title: "The request is too large",
    exit: 2,
  },
  OPERATION_NOT_SUPPORTED: {
    number: 105,
    http: 404,
    grpc: 12,
    ckr: "CKR_FUNCTION_NOT_SUPPORTED",
    kmip: "Operation Not Supported",
    title: "There is no such operation",
    exit: 2,
  },
  UNAUTHENTICATED: {
    number: 102,
    http: 401,
    grpc: 16,
    ckr: "CKR_USER_NOT_LOGGED_IN",
    kmip: "Authentication Not Successful",
    title: "Authentication failed",
    exit: 3,
  },
  PERMISSION_DENIED: {
    number: 103,
    http: 403,
    grpc: 7,
    ckr: "CKR_ACTION_PROHIBITED",
    kmip: "Permission Denied",
    title: "Not permitted",
    exit: 4,
  },
  OBJECT_NOT_FOUND: {
    number: 101,
    http: 404,
    grpc: 5,
    ckr: "CKR_OBJECT_HANDLE_INVALID",
    kmip: "Item Not Found",
    title: "No such object",
    exit: 5,
  },
  OBJECT_EXISTS: {
    number: 105,
    http: 409,
    grpc: 6,
    ckr: "CKR_TEMPLATE_INCONSISTENT",
    kmip: "Object Already Exists",
    title: "The object exists already",
    exit: 6,
  },
  OBJECT_CHANGED: {
    number: 106,
    http: 409,
    grpc: 10,
    ckr: "CKR_FUNCTION_FAILED",
    kmip: "General Failure",
    title: "The object was changed meanwhile",
    exit: 6,
  },
  KEY_STATE_FORBIDS: {
    number: 106,
    http: 409,
    grpc: 9,
    ckr: "CKR_KEY_FUNCTION_NOT_PERMITTED",
    kmip: "Wrong Key Lifecycle State",
    title: "The key's state forbids this",
    exit: 6,
  },
  KEY_ATTRIBUTE_FORBIDS: {
    number: 106,
    http: 409,
    grpc: 9,
    ckr: "CKR_ACTION_PROHIBITED",
    kmip: "Permission Denied",
    title: "The key's attributes forbid this",
    exit: 6,
  },
  LOGIN_REQUIRED: {
    number: 103,
    http: 403,
    grpc: 7,
    ckr: "CKR_USER_NOT_LOGGED_IN",
    kmip: "Authentication Not Successful",
    title: "The key asks for a login of its own",
    exit: 4,
  },
  KEY_USAGE_FORBIDS: {
    number: 106,
    http: 403,
    grpc: 9,
    ckr: "CKR_KEY_FUNCTION_NOT_PERMITTED",
    kmip: "Incompatible Cryptographic Usage Mask",
    title: "The key's usage forbids this",
    exit: 6,
  },
  KEY_NOT_EXTRACTABLE: {
    number: 106,
    http: 403,
    grpc: 9,
    ckr: "CKR_KEY_UNEXTRACTABLE",
    kmip: "Not Extractable",
    title: "The key cannot be exported",
    exit: 6,
  },
  WRAPPING_KEY_TOO_WEAK: {
    number: 106,
    http: 403,
    grpc: 9,
    ckr: "CKR_WRAPPING_KEY_SIZE_RANGE",
    kmip: "Not Extractable",
    title: "The wrapping key is weaker than the key",
    exit: 6,
  },
  KEY_EXHAUSTED: {
    number: 108,
    http: 409,
    grpc: 8,
    ckr: "CKR_KEY_FUNCTION_NOT_PERMITTED",
    kmip: "Usage Limit Exceeded",
    title: "The key's usage limit is reached",
    exit: 6,
  },
  MECHANISM_NOT_SUPPORTED: {
    number: 107,
    http: 400,
    grpc: 3,
    ckr: "CKR_MECHANISM_INVALID",
    kmip: "Unsupported Cryptographic Parameters",
    title: "The mechanism does not fit this key",
    exit: 2,
  },
  MECHANISM_PARAM_INVALID: {
    number: 107,
    http: 400,
    grpc: 3,
    ckr: "CKR_MECHANISM_PARAM_INVALID",
    kmip: "Bad Cryptographic Parameters",
    title: "A mechanism parameter is not valid",
    exit: 2,
  },
  DECRYPTION_FAILED: {
    number: 107,
    http: 400,
    grpc: 3,
    ckr: "CKR_ENCRYPTED_DATA_INVALID",
    kmip: "Cryptographic Failure",
    title: "Decryption failed",
    exit: 7,
  },
  SIGNING_REFUSED: {
    number: 103,
    http: 403,
    grpc: 7,
    ckr: "CKR_ACTION_PROHIBITED",
    kmip: "Permission Denied",
    title: "Signing was refused",
    exit: 4,
  },
  RATE_LIMITED: { number: 108, http: 429, grpc: 8, ckr: "CKR_DEVICE_ERROR", kmip: "General Failure", title: "Too many requests", exit: 8 },
  QUOTA_EXCEEDED: {
    number: 108,
    http: 429,
    grpc: 8,
    ckr: "CKR_DEVICE_MEMORY",
    kmip: "Object Limit Exceeded",
    title: "The quota is used up",
    exit: 8,
  },
  VAULT_SEALED: {
    number: 106,
    http: 503,
    grpc: 9,
    ckr: "CKR_TOKEN_NOT_PRESENT",
    kmip: "General Failure",
    title: "The vault is sealed",
    exit: 9,
  },
  AUDIT_UNAVAILABLE: {
    number: 109,
    http: 503,
    grpc: 14,
    ckr: "CKR_DEVICE_ERROR",
    kmip: "General Failure",
    title: "The audit log cannot be written",
    exit: 9,
  },
  PROVIDER_UNAVAILABLE: {
    number: 100,
    http: 503,
    grpc: 14,
    ckr: "CKR_DEVICE_ERROR",
    kmip: "General Failure",
    title: "A part of the service cannot be reached",
    exit: 9,
  },
  DEADLINE_EXCEEDED: {
    number: 100,
    http: 504,
    grpc: 4,
    ckr: "CKR_DEVICE_ERROR",
    kmip: "General Failure",
    title: "The deadline passed",
    exit: 9,
  },
  CANCELLED: {
    number: 100,
    http: 499,
    grpc: 1,
    ckr: "CKR_FUNCTION_CANCELED",
    kmip: "Operation Canceled By Requester",
    title: "The caller went away",
    exit: 9,
  },
  INTEGRITY_FAILURE: {
    number: 109,
    http: 500,
    grpc: 15,
    ckr: "CKR_DEVICE_ERROR",
    kmip: "General Failure",
    title: "Stored data does not verify",
    exit: 10,
  },
  SELF_TEST_FAILED: {
    number: 109,
    http: 503,
    grpc: 13,
    ckr: "CKR_FIPS_SELF_TEST_FAILED",
    kmip: "Cryptographic Failure",
    title: "A self-test failed; the vault does nothing until it is started again",
    exit: 10,
  },
  APPROVAL_REQUIRED: {
    number: 104,
    http: 202,
    grpc: 9,
    ckr: "CKR_ACTION_PROHIBITED",
    kmip: "Permission Denied",
    title: "The request waits for approval",
    exit: 11,
  },
  INTERNAL: { number: 109, http: 500, grpc: 13, ckr: "CKR_GENERAL_ERROR", kmip: "General Failure", title: "Internal error", exit: 10 },
} satisfies Record<string, ErrorRow>);

/** A code of the table. */
export type ErrorCode = keyof typeof ERRORS;

/** Codes in table order; the position is the code's number on the wire between our own processes. */
export const ERROR_CODES = Object.freeze(Object.keys(ERRORS)) as readonly ErrorCode[];

/** Optional parts of an error. */
export interface ErrorOptions {
  /** What went wrong underneath; logged, never sent. */
  readonly cause?: unknown;
  /** When a retry is worth trying, in seconds (HTTP Retry-After). */
  readonly retryAfterSeconds?: number;
  /** Of APPROVAL_REQUIRED: which pending request this is about. */
  readonly approvalId?: string;
  /** Where the refusal's event stands in the audit log, `<sequence> <hash>`; only for whoever asked for it. */
  readonly receipt?: string;
  /**
   * The request was refused before anything of it was decided or done, so that the very same may be asked again. Said only by
   * whoever knows: no code implies it, and left out it means that something may have been done.
   */
  readonly nothingDone?: boolean;
}

/**
 * The only error that crosses a module boundary on purpose.
 *
 * @example
 * throw new HsmError("OBJECT_NOT_FOUND", "no key 'k1' in namespace 'default'");
 */
export class HsmError extends Error {
  override readonly name = "HsmError";
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryAfterSeconds: number | undefined;
  readonly approvalId: string | undefined;
  readonly receipt: string | undefined;
  readonly nothingDone: boolean;

  constructor(code: ErrorCode, detail: string, options: ErrorOptions = {}) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.approvalId = options.approvalId;
    this.receipt = options.receipt;
    this.nothingDone = options.nothingDone ?? false;
  }

  /** This error as the outcome of a request that was begun: what another request says of itself says nothing of this one. */
  ofBegun(): HsmError {
    if (!this.nothingDone) return this;
    const { code, detail, cause, retryAfterSeconds, approvalId, receipt } = this;
    return new HsmError(code, detail, {
      cause,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      ...(approvalId === undefined ? {} : { approvalId }),
      ...(receipt === undefined ? {} : { receipt }),
    });
  }

  /** This code's row of the table. */
  get row(): ErrorRow {
    return ERRORS[this.code];
  }

  /** Number in the range 100-109. */
  get number(): number {
    return ERRORS[this.code].number;
  }
}

/**
 * Any thrown value as an HsmError: itself, or INTERNAL with the value as its cause.
 *
 * @security the original message is never copied into `detail`: it may hold secrets or paths.
 */
export function asHsmError(thrown: unknown): HsmError {
  return thrown instanceof HsmError ? thrown : new HsmError("INTERNAL", "unexpected failure; see the server log", { cause: thrown });
}
