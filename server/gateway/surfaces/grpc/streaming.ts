/**
 * The services beside hsm.HsmService: reflection and health. Messages in, messages out; the surfaces frame them.
 */
import type { Desk } from "../../forward.ts";
import type { Exchange } from "../../transports/exchange.ts";
import { healthCheck, healthList, healthWatch } from "./health-service.ts";
import { reflectV1, reflectV1Alpha } from "./reflection.ts";

/** A method as a transformation of message streams. Ends when the client goes away. */
export type StreamingMethod = (requests: AsyncIterable<Uint8Array>, exchange: Exchange) => AsyncGenerator<Uint8Array>;

/** Finds a method by path, or undefined. */
export function streamingService(desk: Desk): (path: string) => StreamingMethod | undefined {
  const methods = new Map<string, StreamingMethod>([
    ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", reflectV1],
    ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", reflectV1Alpha],
    ["/grpc.health.v1.Health/Check", healthCheck(desk)],
    ["/grpc.health.v1.Health/List", healthList(desk)],
    ["/grpc.health.v1.Health/Watch", healthWatch(desk)],
  ]);
  return (path) => methods.get(path);
}
