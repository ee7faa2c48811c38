import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const deleteServiceAccount = operation({
  number: 272,
  method: HsmService.method.deleteServiceAccount,
  permission: "identity:manage",
  scope: "server",
  effect: "change",
});
