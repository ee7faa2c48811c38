import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const getConfigVersion = operation({
  number: 232,
  method: HsmService.method.getConfigVersion,
  permission: "policy:view",
  scope: "server",
  effect: "read",
  phases: ["open", "maintenance"],
});
