import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const deleteToken = operation({
  number: 483,
  method: HsmService.method.deleteToken,
  permission: "token:manage",
  scope: "namespace",
  effect: "change",
});
