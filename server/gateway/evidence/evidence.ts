/**
 * What the gateway saw of a caller, for the vault to judge. Nothing is judged here.
 *
 * Malformed credentials are not dropped: a bearer token that cannot be one is passed on as a token that will fail, so
 * that a wrong credential is never treated as no credential.
 */
import { randomUUID } from "node:crypto";
import { MAX_TOKEN_BYTES, type Evidence } from "@keystead/channel/call";
import type { Exchange } from "../transports/exchange.ts";

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
/** W3C Trace Context §3.2: version 00, trace id, parent id, flags. */
const TRACE = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const TOKEN = /^[\x21-\x7e]*$/;
/** Stands for a credential that was sent and cannot be passed on; no key verifies it. */
const UNUSABLE = "unusable";

/**
 * The caller's request id when it is well-formed, otherwise a new one, which nobody can guess: everybody may have the hashes of
 * events (GetAuditEntries), and what else an event says can be guessed sometimes.
 */
export function requestIdOf(exchange: Exchange): string {
  const given = exchange.header("x-request-id");
  if (given !== undefined && REQUEST_ID.test(given)) return given;
  return randomUUID();
}

/** @param trace instead of the caller's own */
export function evidenceOf(exchange: Exchange, requestId: string, trace: string = traceOf(exchange)): Evidence {
  const { listener, address, certificate } = exchange.connection;
  const receipt = exchange.header("x-audit-receipt") === "request";
  const token = tokenOf(exchange.header("authorization"));
  return { listener, address, requestId, trace, token, certificate, ...(receipt ? { receipt } : {}) };
}

/** The caller's trace. One that is malformed is as good as none (§3.2.2). */
function traceOf(exchange: Exchange): string {
  const given = exchange.header("traceparent");
  return given !== undefined && TRACE.test(given) ? given : "";
}

function tokenOf(authorization: string | undefined): string {
  if (authorization === undefined) return "";
  if (!/^bearer /i.test(authorization)) return UNUSABLE;
  const token = authorization.slice(7).trim();
  return token !== "" && token.length <= MAX_TOKEN_BYTES && TOKEN.test(token) ? token : UNUSABLE;
}
