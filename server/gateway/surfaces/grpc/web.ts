/**
 * gRPC-Web: the same messages, trailers in a last frame, base64 when the type says text.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
 */
import { HsmError } from "@keystead/contract/errors";
import type { HeaderValues } from "../../transports/exchange.ts";
import { TRAILER_FLAG, framed } from "./framing.ts";

export const isGrpcWebType = (type: string): boolean => type.startsWith("application/grpc-web");
export const isTextType = (type: string): boolean => type.startsWith("application/grpc-web-text");

/** A text body, decoded. Clients may send several padded pieces one after the other. */
export function decodeText(body: Buffer): Buffer {
  const text = body.toString("latin1").replaceAll(/\s/g, "");
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/=]*$/.test(text)) throw new HsmError("INVALID_REQUEST", "the body is not base64");
  return Buffer.concat((text.match(/[^=]*={0,2}/g) ?? []).filter((piece) => piece !== "").map((piece) => Buffer.from(piece, "base64")));
}

/** Trailers as the last frame of a body. */
export function trailerFrame(trailers: HeaderValues): Buffer {
  return framed(
    Buffer.from(
      Object.entries(trailers)
        .map(([name, value]) => `${name}: ${String(value)}\r\n`)
        .join(""),
      "latin1",
    ),
    TRAILER_FLAG,
  );
}
