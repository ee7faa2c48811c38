import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const testPolicy = operation({
  number: 224,
  method: HsmService.method.testPolicy,
  permission: "policy:view",
  scope: "server",
  effect: "read",
});
