import { HsmService } from "../generated/hsm/hsm_pb.ts";
import { operation } from "../operation.ts";

export const updateKey = operation({
  number: 167,
  method: HsmService.method.updateKey,
  permission: "key:update",
  scope: "key",
  effect: "change",
});
