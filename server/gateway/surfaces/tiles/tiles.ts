/**
 * `/api/v1/audit/tiles/...`: the audit log as the files of C2SP tlog-tiles, for programs that read such logs.
 *
 * Each file is one GetAuditTile: the caller is authenticated and permitted, and the question recorded, like any other.
 */
import { fromBinary, toBinary, create } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import { GetAuditTileRequestSchema, GetAuditTileResponseSchema } from "@keystead/contract/generated/hsm/audit_pb";
import { getAuditTile } from "@keystead/contract/operations/get-audit-tile";
import { requestIdOf } from "../../evidence/evidence.ts";
import type { Desk } from "../../forward.ts";
import type { Dispatch, Exchange } from "../../transports/exchange.ts";
import { SAFE_HEADERS, problem } from "../rest/problem.ts";

export const TILES_PREFIX = "/api/v1/audit/tiles/";

/** The surface. */
export function tilesSurface(desk: Desk): Dispatch {
  return (exchange) => {
    const requestId = requestIdOf(exchange);
    answer(desk, exchange, requestId).then(
      () => desk.requests.answered({ surface: "rest", exchange, requestId }, "OK"),
      (thrown: unknown) => problem(exchange, requestId, desk.requests.failed({ surface: "rest", exchange, requestId }, thrown)),
    );
  };
}

async function answer(desk: Desk, exchange: Exchange, requestId: string): Promise<void> {
  if (exchange.method !== "GET" && exchange.method !== "HEAD")
    throw new HsmError("INVALID_REQUEST", `${exchange.method} is not possible here`);
  if (exchange.hasBody && (await exchange.readBody(desk.bodyBytes)).length > 0)
    throw new HsmError("INVALID_REQUEST", "this method takes no body");
  const path = exchange.path.slice(TILES_PREFIX.length);
  const body = Buffer.from(toBinary(GetAuditTileRequestSchema, create(GetAuditTileRequestSchema, { path })));
  const reply = await desk.forward(exchange, { operation: getAuditTile, requestId, body, deadlineMs: undefined });
  const { content, contentType, immutable } = fromBinary(GetAuditTileResponseSchema, reply);
  exchange.respond(
    200,
    {
      ...SAFE_HEADERS,
      "content-type": contentType,
      "x-request-id": requestId,
      // Who may see it is for the vault to say, each time: no shared cache keeps it.
      "cache-control": immutable ? "private, max-age=31536000, immutable" : "no-store",
    },
    Buffer.from(content),
  );
}
