import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const acceptConfig = operation({
  number: 233,
  method: HsmService.method.acceptConfig,
  permission: "policy:update",
  scope: "server",
  effect: "change",
  phases: ["open", "maintenance"],
});
