import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const setPolicy = operation({
  number: 221,
  method: HsmService.method.setPolicy,
  permission: "policy:update",
  scope: "server",
  effect: "change",
});
