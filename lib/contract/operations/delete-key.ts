import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const deleteKey = operation({
  number: 7,
  method: HsmService.method.deleteKey,
  permission: "key:destroy",
  scope: "key",
  effect: "change",
});
