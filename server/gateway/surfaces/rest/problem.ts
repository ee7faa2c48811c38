/**
 * Errors on REST: RFC 9457 problem+json, with the code, its number and the request id.
 */
import type { HsmError } from "@keystead/contract/errors";
import type { Exchange, HeaderValues } from "../../transports/exchange.ts";

/** On every REST answer: nothing is cached, sniffed or framed. */
export const SAFE_HEADERS: HeaderValues = Object.freeze({
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
});

/**
 * Answers that the request waits for others: 202, with the place of what waits.
 *
 * It is no problem: everything was right, and nothing is done yet.
 */
export function waiting(exchange: Exchange, requestId: string, error: HsmError, approvalId: string): void {
  const retry = error.retryAfterSeconds;
  exchange.respond(
    error.row.http,
    {
      ...SAFE_HEADERS,
      "content-type": "application/json",
      "x-request-id": requestId,
      location: `/api/v1/approvals/${encodeURIComponent(approvalId)}`,
      ...(retry === undefined ? {} : { "retry-after": Math.ceil(retry) }),
    },
    JSON.stringify({
      status: "pending",
      approval_id: approvalId,
      code: error.code,
      number: error.number,
      detail: error.detail,
      request_id: requestId,
      ...(retry === undefined ? {} : { retry_after_seconds: retry }),
    }),
  );
}

/** Answers with a problem document. */
export function problem(
  exchange: Exchange,
  requestId: string,
  error: HsmError,
  options: { readonly status?: number; readonly headers?: HeaderValues } = {},
): void {
  const { row } = error;
  const status = options.status ?? row.http;
  const retry = error.retryAfterSeconds;
  const document = {
    type: `urn:keystead:error:${error.code}`,
    title: row.title,
    status,
    detail: error.detail,
    code: error.code,
    number: row.number,
    request_id: requestId,
    ...(retry === undefined ? {} : { retry_after_seconds: retry }),
    ...(error.nothingDone ? { nothing_done: true } : {}),
  };
  exchange.respond(
    status,
    {
      ...SAFE_HEADERS,
      "content-type": "application/problem+json",
      "x-request-id": requestId,
      ...(retry === undefined ? {} : { "retry-after": Math.ceil(retry) }),
      ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
      ...options.headers,
    },
    JSON.stringify(document),
  );
}
