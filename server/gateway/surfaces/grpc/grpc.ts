/**
 * gRPC and gRPC-Web. The message bytes go to the vault as they came and its answer's bytes to the client: the vault
 * parses, this surface only frames.
 */
import { wholeOf } from "@keystead/channel/payload";
import { HsmError } from "@keystead/contract/errors";
import { requestIdOf } from "../../evidence/evidence.ts";
import type { Desk } from "../../forward.ts";
import type { Exchange, HeaderValues } from "../../transports/exchange.ts";
import { eventStream, isStream } from "./event-stream.ts";
import { PREFIX_BYTES, framed, framedPieces, messages, onlyMessage } from "./framing.ts";
import { operationAt } from "./services.ts";
import { SUCCESS_TRAILERS, failureTrailers } from "./status.ts";
import type { StreamingMethod } from "./streaming-method.ts";
import { streamingService } from "./streaming.ts";
import { grpcTimeoutMs } from "./timeout.ts";
import { decodeText, isGrpcWebType, isTextType, trailerFrame } from "./web.ts";

/** Message formats this surface understands: protobuf only. */
const TYPES = /^application\/grpc(-web(-text)?)?(\+proto)?(;.*)?$/;

/** Answers gRPC and gRPC-Web calls. */
export function grpcSurface(desk: Desk): (exchange: Exchange, type: string) => void {
  const services = streamingService(desk);
  return (exchange, type) => {
    const requestId = requestIdOf(exchange);
    const web = isGrpcWebType(type);
    const surface = web ? "grpc-web" : "grpc";
    const method = services(exchange.path);
    const answered = method === undefined ? unary(desk, exchange, type, requestId) : streaming(method.run, exchange, type, desk.bodyBytes);
    answered.then(
      () => desk.requests.answered({ surface, exchange, requestId }, "OK"),
      (thrown: unknown) => {
        const error = desk.requests.failed({ surface, exchange, requestId }, thrown);
        const trailers = failureTrailers(error, requestId);
        if (exchange.started)
          return web ? void exchange.write(textIf(type, trailerFrame(trailers))).finally(() => exchange.end()) : exchange.end(trailers);
        // Trailers alone: status in the headers, no body (PROTOCOL-HTTP2 "Trailers-Only").
        exchange.respond(200, { ...baseHeaders(type), ...trailers });
      },
    );
  };
}

const baseHeaders = (type: string): HeaderValues => ({
  "content-type": isTextType(type)
    ? "application/grpc-web-text+proto"
    : isGrpcWebType(type)
      ? "application/grpc-web+proto"
      : "application/grpc+proto",
  "grpc-accept-encoding": "identity",
});

const textIf = (type: string, bytes: Buffer): Buffer => (isTextType(type) ? Buffer.from(bytes.toString("base64"), "latin1") : bytes);

async function unary(desk: Desk, exchange: Exchange, type: string, requestId: string): Promise<void> {
  if (exchange.method !== "POST") throw new HsmError("INVALID_REQUEST", "gRPC calls are POST");
  if (!TYPES.test(type)) throw new HsmError("OPERATION_NOT_SUPPORTED", "only protobuf messages are understood");
  const operation = operationAt(exchange.path);
  if (operation === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", "there is no such method");
  const raw = await exchange.readPieces(desk.bodyBytes + PREFIX_BYTES);
  const body = isTextType(type) ? [decodeText(wholeOf(raw))] : raw;
  const request = { operation, requestId, body: onlyMessage(body), deadlineMs: grpcTimeoutMs(exchange.header("grpc-timeout")) };
  const headers = { ...baseHeaders(type), "x-request-id": requestId };
  if (isStream(operation)) return streamOut(eventStream(desk, exchange, request), exchange, type, headers);
  const reply = await desk.forward(exchange, request);
  if (!isGrpcWebType(type)) return exchange.respondWithTrailers(200, headers, framedPieces(reply), SUCCESS_TRAILERS);
  const message = framed(reply);
  const trailer = trailerFrame(SUCCESS_TRAILERS);
  const whole = Buffer.allocUnsafeSlow(message.length + trailer.length);
  message.copy(whole);
  trailer.copy(whole, message.length);
  message.fill(0);
  exchange.respond(200, headers, textIf(type, whole));
}

async function streaming(method: StreamingMethod, exchange: Exchange, type: string, limitBytes: number): Promise<void> {
  await streamOut(method(messages(exchange.chunks, limitBytes), exchange), exchange, type, baseHeaders(type));
}

/** Answers with every message as it comes, and success at the end. */
async function streamOut(replies: AsyncIterable<Uint8Array>, exchange: Exchange, type: string, headers: HeaderValues): Promise<void> {
  if (isTextType(type)) throw new HsmError("OPERATION_NOT_SUPPORTED", "streams are not offered as text");
  for await (const reply of replies) {
    if (!exchange.started) exchange.start(200, headers);
    await exchange.write(framed(reply));
  }
  if (!exchange.started) exchange.start(200, headers);
  if (!isGrpcWebType(type)) return exchange.end(SUCCESS_TRAILERS);
  await exchange.write(trailerFrame(SUCCESS_TRAILERS));
  exchange.end();
}
