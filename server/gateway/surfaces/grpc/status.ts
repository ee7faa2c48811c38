/**
 * How an error looks on gRPC: the status trailers, with hsm.ErrorDetail in google.rpc.Status.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md "Responses"; google/rpc/status.proto
 */
import { create, toBinary } from "@bufbuild/protobuf";
import type { HsmError } from "@keystead/contract/errors";
import { ErrorDetailSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import type { HeaderValues } from "../../transports/exchange.ts";

const TYPE_URL = Buffer.from("type.googleapis.com/hsm.ErrorDetail", "latin1");

/** hsm.ErrorDetail of an error, protobuf. */
export const errorDetail = (error: HsmError, requestId: string): Uint8Array =>
  toBinary(
    ErrorDetailSchema,
    create(ErrorDetailSchema, {
      code: error.code,
      number: error.number,
      detail: error.detail,
      requestId,
      retryAfterSeconds: Math.ceil(error.retryAfterSeconds ?? 0),
      approvalId: error.approvalId ?? "",
      nothingDone: error.nothingDone,
    }),
  );

/** `grpc-message` allows printable ASCII but `%`; every other byte of the UTF-8 text is percent-encoded. */
export function percentEncoded(text: string): string {
  if (!/[^\x20-\x24\x26-\x7e]/.test(text)) return text;
  return [...Buffer.from(text, "utf8")]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}

/** One length-delimited protobuf field whose number is below 16. */
function field(number: number, content: Uint8Array): Buffer {
  const head = [(number << 3) | 2];
  for (let left = content.length; ; left >>>= 7) {
    head.push(left > 0x7f ? (left & 0x7f) | 0x80 : left);
    if (left <= 0x7f) break;
  }
  return Buffer.concat([Uint8Array.from(head), content]);
}

/** google.rpc.Status: code = 1, message = 2, details = 3 (Any: type_url = 1, value = 2). Every code is below 128. */
function rpcStatus(error: HsmError, requestId: string): Buffer {
  const any = Buffer.concat([field(1, TYPE_URL), field(2, errorDetail(error, requestId))]);
  return Buffer.concat([Uint8Array.of(0x08, error.row.grpc), field(2, Buffer.from(error.detail, "utf8")), field(3, any)]);
}

/** Trailers of a success. */
export const SUCCESS_TRAILERS: HeaderValues = Object.freeze({ "grpc-status": "0" });

/** Trailers of an error. Details are kept small: clients refuse large trailers. */
export function failureTrailers(error: HsmError, requestId: string): Record<string, string> {
  return {
    "grpc-status": String(error.row.grpc),
    "grpc-message": percentEncoded(error.detail.slice(0, 1024)),
    "grpc-status-details-bin": rpcStatus(error, requestId).toString("base64").replace(/=+$/, ""),
    "hsm-error-code": error.code,
    "hsm-error-number": String(error.number),
    ...(error.retryAfterSeconds === undefined ? {} : { "grpc-retry-pushback-ms": String(Math.ceil(error.retryAfterSeconds) * 1000) }),
  };
}
