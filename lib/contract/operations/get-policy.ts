import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getPolicy = operation({
  number: 220,
  method: HsmService.method.getPolicy,
  permission: "policy:view",
  scope: "server",
  effect: "read",
});
