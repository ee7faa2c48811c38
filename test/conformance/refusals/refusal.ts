/**
 * What a refusal is, on each surface: the code of the one error table, its number, HTTP status and gRPC code, the caller's
 * request id, and nothing of other tenants or of the inside of the server.
 *
 * The numbers stand here a second time, so that the error table cannot change them unseen.
 */
import assert from "node:assert/strict";
import { ERRORS, type ErrorCode } from "@keystead/contract/errors";
import type { Answer, Surface } from "../surfaces.ts";

/** A name no answer to a stranger may hold. */
export const SECRET_NAME = "tenant-b-secret";

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
export function assertRefusal(answer: Answer, surface: Surface, codes: ErrorCode | readonly ErrorCode[], what: string, id?: string): void {
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
