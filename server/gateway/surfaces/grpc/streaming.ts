/**
 * The services beside hsm.HsmService: reflection and health. Messages in, messages out; the surfaces frame them.
 */
import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import { Health } from "@keystead/contract/generated/grpc/health/v1/health_pb";
import { ServerReflection } from "@keystead/contract/generated/grpc/reflection/v1/reflection_pb";
import { ServerReflection as ServerReflectionAlpha } from "@keystead/contract/generated/grpc/reflection/v1alpha/reflection_pb";
import type { Desk } from "../../forward.ts";
import { healthCheck, healthList, healthWatch } from "./health-service.ts";
import { reflectV1, reflectV1Alpha } from "./reflection.ts";
import type { StreamingMethod } from "./streaming-method.ts";

export interface OwnMethod {
  readonly run: StreamingMethod;
  readonly input: DescMessage;
  readonly output: DescMessage;
  /** One message each way. */
  readonly unary: boolean;
}

const own = (method: DescMethod, run: StreamingMethod): [string, OwnMethod] => [
  `/${method.parent.typeName}/${method.name}`,
  { run, input: method.input, output: method.output, unary: method.methodKind === "unary" },
];

/** Finds a method by path, or undefined. */
export function streamingService(desk: Desk): (path: string) => OwnMethod | undefined {
  const methods = new Map<string, OwnMethod>([
    own(ServerReflection.method.serverReflectionInfo, reflectV1),
    own(ServerReflectionAlpha.method.serverReflectionInfo, reflectV1Alpha),
    own(Health.method.check, healthCheck(desk)),
    own(Health.method.list, healthList(desk)),
    own(Health.method.watch, healthWatch(desk)),
  ]);
  return (path) => methods.get(path);
}
