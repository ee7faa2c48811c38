/**
 * `/generate_key` of the oldest system: an Ed25519 key under an id the vault chooses, answered as `{"key_id": "..."}`.
 * Development preset only, on the loopback port.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Algorithm, GenerateKeyRequestSchema, GenerateKeyResponseSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { requestIdOf } from "../../evidence/evidence.ts";
import { refusalOf, type Desk } from "../../forward.ts";
import type { Operation } from "@keystead/contract/operation";
import type { Dispatch, Exchange } from "../../transports/exchange.ts";
import { SAFE_HEADERS, problem } from "./problem.ts";

/** Adds the path to a surface. */
export function withGenerateKeyPath(desk: Desk, dispatch: Dispatch): Dispatch {
  const answer = async (exchange: Exchange): Promise<void> => {
    const requestId = requestIdOf(exchange);
    try {
      const body = Buffer.from(toBinary(GenerateKeyRequestSchema, create(GenerateKeyRequestSchema, { algorithm: Algorithm.Ed25519 })));
      const reply = fromBinary(
        GenerateKeyResponseSchema,
        await desk.forward(exchange, { operation: generateKey as unknown as Operation, requestId, body, deadlineMs: undefined }),
      );
      exchange.respond(
        200,
        { ...SAFE_HEADERS, "content-type": "application/json", "x-request-id": requestId },
        Buffer.from(JSON.stringify({ key_id: reply.keyId }), "utf8"),
      );
    } catch (thrown) {
      problem(exchange, requestId, refusalOf(thrown));
    }
  };
  return (exchange) =>
    exchange.path === "/generate_key" && (exchange.method === "GET" || exchange.method === "POST")
      ? void answer(exchange)
      : dispatch(exchange);
}
