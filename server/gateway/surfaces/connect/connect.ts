/**
 * The Connect protocol: unary calls as plain POSTs, protobuf or JSON; streams as length-prefixed messages.
 *
 * JSON here is protobuf's own mapping (enum names of the proto), not REST's; it is read with the same strictness.
 *
 * @see https://connectrpc.com/docs/protocol
 */
import { fromBinary, fromJson, toBinary, toJson, type DescMessage } from "@bufbuild/protobuf";
import { wholeOf } from "@keystead/channel/payload";
import { GRPC_CODES, HsmError } from "@keystead/contract/errors";
import { parseStrictJson, type JsonValue } from "@keystead/contract/json";
import { requestIdOf } from "../../evidence/evidence.ts";
import type { Desk } from "../../forward.ts";
import type { Operation } from "@keystead/contract/operation";
import type { Exchange } from "../../transports/exchange.ts";
import { eventStream, firstAnswer, isStream } from "../grpc/event-stream.ts";
import { END_STREAM_FLAG, framed, messages, onlyMessage } from "../grpc/framing.ts";
import { operationAt } from "../grpc/services.ts";
import { errorDetail } from "../grpc/status.ts";
import { streamingService, type OwnMethod } from "../grpc/streaming.ts";
import { connectTimeoutMs } from "../grpc/timeout.ts";
import { SAFE_HEADERS } from "../rest/problem.ts";

const UNARY = /^application\/(proto|json)(;.*)?$/;
const STREAM = /^application\/connect\+(proto|json)(;.*)?$/;

export const isConnectType = (type: string): boolean => UNARY.test(type) || STREAM.test(type);

const codeNames = new Map<number, string>(Object.entries(GRPC_CODES).map(([name, number]) => [number, name]));
/** HTTP status of a Connect error, by gRPC code (protocol, "Error Codes"). */
const HTTP_STATUS: Readonly<Record<number, number>> = Object.freeze({
  1: 499,
  2: 500,
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 400,
  10: 409,
  11: 400,
  12: 501,
  13: 500,
  14: 503,
  15: 500,
  16: 401,
});

function errorJson(error: HsmError, requestId: string): object {
  const value = Buffer.from(errorDetail(error, requestId)).toString("base64").replaceAll("=", "");
  return { code: codeNames.get(error.row.grpc), message: error.detail, details: [{ type: "hsm.ErrorDetail", value }] };
}

/** Answers Connect calls. */
export function connectSurface(desk: Desk): (exchange: Exchange, type: string) => void {
  const services = streamingService(desk);
  return (exchange, type) => {
    const requestId = requestIdOf(exchange);
    const streaming = STREAM.test(type);
    const own = services(exchange.path);
    const answered = streaming ? stream(desk, own, exchange, type, requestId) : unary(desk, own, exchange, type, requestId);
    answered.then(
      () => desk.requests.answered({ surface: "connect", exchange, requestId }, "OK"),
      (thrown: unknown) => {
        const error = desk.requests.failed({ surface: "connect", exchange, requestId }, thrown);
        if (streaming) return refuseStream(exchange, type, error, requestId);
        exchange.respond(
          HTTP_STATUS[error.row.grpc] ?? 500,
          {
            ...SAFE_HEADERS,
            "content-type": "application/json",
            "x-request-id": requestId,
            ...(error.retryAfterSeconds === undefined ? {} : { "retry-after": Math.ceil(error.retryAfterSeconds) }),
          },
          Buffer.from(JSON.stringify(errorJson(error, requestId)), "utf8"),
        );
      },
    );
  };
}

/** The error of a stream is its last message; its HTTP status is 200 whatever happened. */
function refuseStream(exchange: Exchange, type: string, error: HsmError, requestId: string): void {
  if (!exchange.started) exchange.start(200, { "content-type": type, "x-request-id": requestId });
  const end = framed(Buffer.from(JSON.stringify({ error: errorJson(error, requestId) }), "utf8"), END_STREAM_FLAG);
  exchange
    .write(end)
    .catch(() => undefined)
    .finally(() => exchange.end());
}

/** Refuses what is no Connect call of ours. */
function check(exchange: Exchange, encodingHeader: string): void {
  if (exchange.method !== "POST") throw new HsmError("INVALID_REQUEST", "Connect calls are POST");
  const version = exchange.header("connect-protocol-version");
  if (version !== undefined && version !== "1") throw new HsmError("INVALID_REQUEST", "connect-protocol-version must be 1");
  const encoding = exchange.header(encodingHeader);
  if (encoding !== undefined && encoding !== "identity")
    throw new HsmError("OPERATION_NOT_SUPPORTED", "compressed messages are not accepted; send identity");
}

async function unary(desk: Desk, own: OwnMethod | undefined, exchange: Exchange, type: string, requestId: string): Promise<void> {
  check(exchange, "content-encoding");
  const operation = operationAt(exchange.path);
  const types = operation?.method ?? (own?.unary === true ? own : undefined);
  if (types === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", "there is no such unary method");
  const deadlineMs = connectTimeoutMs(exchange.header("connect-timeout-ms"));
  const asJson = type.startsWith("application/json");
  const body = await exchange.readPieces(desk.bodyBytes);
  const message = asJson ? messageOf(types.input, wholeOf(body)) : body;
  const reply =
    operation === undefined
      ? await onlyReply((own as OwnMethod).run(once(wholeOf(message)), exchange))
      : await (isStream(operation)
          ? firstAnswer(desk, exchange, { operation, requestId, body: message, deadlineMs })
          : desk.forward(exchange, { operation, requestId, body: message, deadlineMs }));
  const headers = { ...SAFE_HEADERS, "content-type": asJson ? "application/json" : "application/proto", "x-request-id": requestId };
  exchange.respond(200, headers, asJson ? jsonOf(types.output, reply) : reply);
}

async function* once(message: Uint8Array): AsyncGenerator<Uint8Array> {
  yield message;
}

async function onlyReply(replies: AsyncIterable<Uint8Array>): Promise<Buffer> {
  for await (const reply of replies) return Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength);
  throw new HsmError("INTERNAL", "there was no answer");
}

/** A message from protobuf's own JSON. The bytes are wiped. */
function messageOf(desc: DescMessage, body: Buffer): Buffer {
  let json: JsonValue;
  try {
    json = parseStrictJson(body.length === 0 ? Buffer.from("{}", "utf8") : body);
  } finally {
    body.fill(0);
  }
  try {
    const { buffer, byteOffset, byteLength } = toBinary(desc, fromJson(desc, json));
    return Buffer.from(buffer, byteOffset, byteLength);
  } catch (error) {
    // The library's message may quote the value; only the field's name is repeated.
    const [, field] = /field ([\w.]+)/.exec(error instanceof Error ? error.message : "") ?? [];
    const [, unknown] = /key "([\w-]{1,64})" is unknown/.exec(error instanceof Error ? error.message : "") ?? [];
    throw new HsmError(
      "INVALID_REQUEST",
      unknown !== undefined
        ? `${unknown}: there is no such field`
        : field !== undefined
          ? `${field}: the value does not fit the field`
          : `the message does not fit ${desc.typeName}`,
    );
  }
}

/** Protobuf's own JSON of a message. The bytes are wiped. */
function jsonOf(desc: DescMessage, bytes: Uint8Array): Buffer {
  const text = JSON.stringify(toJson(desc, fromBinary(desc, bytes), { alwaysEmitImplicit: true }));
  bytes.fill(0);
  return Buffer.from(text, "utf8");
}

async function stream(desk: Desk, own: OwnMethod | undefined, exchange: Exchange, type: string, requestId: string): Promise<void> {
  check(exchange, "connect-content-encoding");
  const operation = operationAt(exchange.path);
  if (operation !== undefined && isStream(operation)) return events(desk, operation, exchange, type, requestId);
  if (own === undefined || own.unary) throw new HsmError("OPERATION_NOT_SUPPORTED", "there is no such streaming method");
  const asJson = type.startsWith("application/connect+json");
  exchange.start(200, { "content-type": asJson ? "application/connect+json" : "application/connect+proto", "x-request-id": requestId });
  const incoming = messages(exchange.chunks, desk.bodyBytes);
  for await (const reply of own.run(asJson ? mapped(incoming, (body) => messageOf(own.input, body)) : incoming, exchange)) {
    await exchange.write(framed(asJson ? jsonOf(own.output, reply) : reply));
  }
  await exchange.write(framed(Buffer.from("{}", "utf8"), END_STREAM_FLAG));
  exchange.end();
}

/** An operation whose answer is a stream: one message in, many out. */
async function events(desk: Desk, operation: Operation, exchange: Exchange, type: string, requestId: string): Promise<void> {
  const asJson = type.startsWith("application/connect+json");
  const { input, output } = operation.method;
  const given = onlyMessage(await exchange.readPieces(desk.bodyBytes));
  const body = asJson ? messageOf(input, wholeOf(given)) : given;
  const deadlineMs = connectTimeoutMs(exchange.header("connect-timeout-ms"));
  for await (const reply of eventStream(desk, exchange, { operation, requestId, body, deadlineMs })) {
    if (!exchange.started)
      exchange.start(200, { "content-type": asJson ? "application/connect+json" : "application/connect+proto", "x-request-id": requestId });
    await exchange.write(framed(asJson ? jsonOf(output, reply) : reply));
  }
  await exchange.write(framed(Buffer.from("{}", "utf8"), END_STREAM_FLAG));
  exchange.end();
}

async function* mapped(bodies: AsyncIterable<Buffer>, change: (body: Buffer) => Uint8Array): AsyncGenerator<Uint8Array> {
  for await (const body of bodies) yield change(body);
}
