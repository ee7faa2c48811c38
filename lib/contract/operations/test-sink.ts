import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const testSink = operation({
  number: 435,
  method: HsmService.method.testSink,
  permission: "sink:manage",
  scope: "reach",
  effect: "read",
});
