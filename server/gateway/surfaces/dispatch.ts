/**
 * Which surface answers an exchange: by content type first, then by path. One list for every port.
 */
import { HsmError } from "@keystead/contract/errors";
import type { Desk } from "../forward.ts";
import type { Dispatch, Exchange } from "../transports/exchange.ts";
import { connectSurface, isConnectType } from "./connect/connect.ts";
import { docsSurface } from "./docs/docs.ts";
import { grpcSurface } from "./grpc/grpc.ts";
import { isGrpcWebType } from "./grpc/web.ts";
import { healthSurface, isHealthPath } from "./health/health.ts";
import { requestIdOf } from "../evidence/evidence.ts";
import { problem } from "./rest/problem.ts";
import { restSurface } from "./rest/rest.ts";
import { TILES_PREFIX, tilesSurface } from "./tiles/tiles.ts";

export const RPC_PREFIXES = Object.freeze([
  "/hsm.HsmService/",
  "/grpc.health.v1.Health/",
  "/grpc.reflection.v1.ServerReflection/",
  "/grpc.reflection.v1alpha.ServerReflection/",
]);

/** Everything on one port: gRPC, gRPC-Web, Connect, REST, health, documentation. */
export function everySurface(desk: Desk): Dispatch {
  const grpc = grpcSurface(desk);
  const connect = connectSurface(desk);
  const rest = restSurface(desk);
  const health = healthSurface(desk);
  const docs = docsSurface(desk);
  const tiles = tilesSurface(desk);
  return (exchange) => {
    const type = exchange.header("content-type") ?? "";
    if (RPC_PREFIXES.some((prefix) => exchange.path.startsWith(prefix))) {
      if (type.startsWith("application/grpc") && (exchange.http2 || isGrpcWebType(type))) return void grpc(exchange, type);
      if (isConnectType(type)) return connect(exchange, type);
      return problem(exchange, requestIdOf(exchange), new HsmError("INVALID_REQUEST", "use gRPC over HTTP/2, gRPC-Web or Connect here"), {
        status: 415,
      });
    }
    if (type.startsWith("application/grpc")) return void grpc(exchange, type);
    if (isHealthPath(exchange.path)) return void health(exchange);
    if (exchange.path === "/openapi.json" || exchange.path === "/docs") return void docs(exchange);
    if (exchange.path.startsWith(TILES_PREFIX)) return void tiles(exchange);
    rest(exchange);
  };
}

/** Health alone: the plain port outside development. */
export function healthOnly(desk: Desk): Dispatch {
  const health = healthSurface(desk);
  return (exchange: Exchange) => {
    if (isHealthPath(exchange.path)) return void health(exchange);
    problem(exchange, requestIdOf(exchange), new HsmError("OPERATION_NOT_SUPPORTED", "this port answers health only"));
  };
}
