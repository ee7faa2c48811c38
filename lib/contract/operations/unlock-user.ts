import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const unlockUser = operation({
  number: 256,
  method: HsmService.method.unlockUser,
  permission: "identity:manage",
  scope: "server",
  effect: "change",
});
