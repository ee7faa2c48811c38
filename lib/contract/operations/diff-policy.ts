import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const diffPolicy = operation({
  number: 223,
  method: HsmService.method.diffPolicy,
  permission: "policy:view",
  scope: "server",
  effect: "read",
});
