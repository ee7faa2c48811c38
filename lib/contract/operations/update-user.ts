import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const updateUser = operation({
  number: 253,
  method: HsmService.method.updateUser,
  permission: "identity:manage",
  scope: "server",
  effect: "change",
});
