/**
 * The Connect protocol: unary calls as plain POSTs, protobuf or JSON; streams as length-prefixed messages.
 *
 * JSON here is protobuf's own mapping (enum names of the proto), not REST's; it is read with the same strictness.
 *
 * @see https://connectrpc.com/docs/protocol
 */
import { fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import { GRPC_CODES, HsmError } from "@keystead/contract/errors";
import { parseStrictJson } from "@keystead/contract/json";
import type { Operation } from "@keystead/contract/operation";
import { requestIdOf } from "../../evidence/evidence.ts";
import { refusalOf, type Desk } from "../../forward.ts";
import type { Exchange } from "../../transports/exchange.ts";
import { END_STREAM_FLAG, framed, messages } from "../grpc/framing.ts";
import { operationAt } from "../grpc/services.ts";
import { errorDetail } from "../grpc/status.ts";
import { streamingService, type StreamingMethod } from "../grpc/streaming.ts";
import { SAFE_HEADERS } from "../rest/problem.ts";

const UNARY = /^application\/(proto|json)(;.*)?$/;
const STREAM = /^application\/connect\+(proto|json)(;.*)?$/;

export const isConnectType = (type: string): boolean => UNARY.test(type) || STREAM.test(type);

const codeNames = new Map<number, string>(Object.entries(GRPC_CODES).map(([name, number]) => [number, name]));
/** HTTP status of a Connect error, by gRPC code (protocol, "Error Codes"). */
const HTTP_STATUS: Readonly<Record<number, number>> = Object.freeze({ 1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503, 15: 500, 16: 401 });

function errorJson(error: HsmError, requestId: string): object {
  const value = Buffer.from(errorDetail(error, requestId)).toString("base64").replaceAll("=", "");
  return { code: codeNames.get(error.row.grpc), message: error.detail, details: [{ type: "hsm.ErrorDetail", value }] };
}

/** Answers a Connect call. */
export function connectUnary(desk: Desk, exchange: Exchange, type: string): void {
  const requestId = requestIdOf(exchange);
  const answered = STREAM.test(type) ? stream(desk, exchange, type) : unary(desk, exchange, type, requestId);
  answered.then(
    () => desk.measurements.answered("connect", "OK"),
    (thrown: unknown) => {
      const error = refusalOf(thrown);
      desk.measurements.answered("connect", error.code);
      if (STREAM.test(type)) {
        if (!exchange.started) exchange.start(200, { "content-type": type });
        const end = framed(Buffer.from(JSON.stringify({ error: errorJson(error, requestId) }), "utf8"), END_STREAM_FLAG);
        return void exchange.write(end).catch(() => undefined).finally(() => exchange.end());
      }
      exchange.respond(HTTP_STATUS[error.row.grpc] ?? 500, {
        ...SAFE_HEADERS, "content-type": "application/json", "x-request-id": requestId,
        ...(error.retryAfterSeconds === undefined ? {} : { "retry-after": Math.ceil(error.retryAfterSeconds) }),
      }, Buffer.from(JSON.stringify(errorJson(error, requestId)), "utf8"));
    },
  );
}

async function unary(desk: Desk, exchange: Exchange, type: string, requestId: string): Promise<void> {
  if (exchange.method !== "POST") throw new HsmError("INVALID_REQUEST", "Connect calls are POST");
  const encoding = exchange.header("content-encoding");
  if (encoding !== undefined && encoding !== "identity") throw new HsmError("OPERATION_NOT_SUPPORTED", "compressed messages are not accepted; send identity");
  const operation = operationAt(exchange.path);
  if (operation === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", "there is no such method");
  const asJson = type.startsWith("application/json");
  const body = await exchange.readBody(desk.bodyBytes);
  const message = asJson ? fromJsonBody(operation, body) : body;
  const asked = exchange.header("connect-timeout-ms");
  const deadlineMs = asked !== undefined && /^\d{1,10}$/.test(asked) ? Number(asked) : undefined;
  const reply = await desk.forward(exchange, { operation, requestId, body: message, deadlineMs });
  const headers = { ...SAFE_HEADERS, "content-type": asJson ? "application/json" : "application/proto", "x-request-id": requestId };
  if (!asJson) return exchange.respond(200, headers, reply);
  const text = Buffer.from(JSON.stringify(toJson(operation.method.output, fromBinary(operation.method.output, reply), { alwaysEmitImplicit: true })), "utf8");
  reply.fill(0);
  exchange.respond(200, headers, text);
}

function fromJsonBody(operation: Operation, body: Buffer): Uint8Array {
  const json = parseStrictJson(body.length === 0 ? Buffer.from("{}", "utf8") : body);
  body.fill(0);
  try {
    return toBinary(operation.method.input, fromJson(operation.method.input, json));
  } catch (error) {
    // The library's message names the field and the expected type, never more than a short value.
    throw new HsmError("INVALID_REQUEST", error instanceof Error ? error.message.slice(0, 200) : "the message cannot be read");
  }
}

async function stream(desk: Desk, exchange: Exchange, type: string): Promise<void> {
  const method: StreamingMethod | undefined = streamingService(desk)(exchange.path);
  if (method === undefined || type.includes("json")) throw new HsmError("OPERATION_NOT_SUPPORTED", "there is no such stream in this encoding");
  exchange.start(200, { "content-type": "application/connect+proto" });
  for await (const reply of method(messages(exchange.chunks, desk.bodyBytes), exchange)) await exchange.write(framed(reply));
  await exchange.write(framed(Buffer.from("{}", "utf8"), END_STREAM_FLAG));
  exchange.end();
}
