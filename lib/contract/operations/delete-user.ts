import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const deleteUser = operation({
  number: 254,
  method: HsmService.method.deleteUser,
  permission: "identity:manage",
  scope: "server",
  effect: "change",
});
